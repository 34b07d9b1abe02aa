// Confusion matrices: counts or shares of rows, blocks of many classes, and the images of a cell.
(() => {
  "use strict";
  const { make, counts, numbers, draw_tile } = page;
  const NONE = 0xffffffff;
  // Images of a cell at most.
  const MOST = 60;
  const { grounds, inks } = numbers.shades;
  const family = getComputedStyle(document.body).fontFamily;

  function matrix(data) {
    const section = document.getElementById(`figure-${data.figure}`);
    if (!section || data.rows.length === 0) return;
    const whole = {
      rows: data.rows, columns: data.columns, counts: counts(data.counts), own: data.own,
      cell: counts(data.cell), tile: counts(data.tile), id: data.id,
    };
    const { blocks } = data;
    const coarse = blocks && {
      rows: blocks.rows, columns: blocks.columns, counts: counts(blocks.counts), own: blocks.rows.map((_, at) => at),
      right: counts(blocks.right),
    };
    let view = whole, at = 0, picked = -1;
    const sums = (one) => one.rows.map((_, row) => one.counts.subarray(row * one.columns.length, (row + 1) * one.columns.length).reduce((sum, count) => sum + count, 0));
    const add_up = (one) => { [one.sums, one.largest] = [sums(one), one.counts.reduce((most, count) => Math.max(most, count), 0)]; };
    for (const one of [whole, coarse]) if (one) add_up(one);
    const used = whole.counts, accepted = counts(data.accepted);

    const canvas = make("canvas", { class: "matrix", tabindex: 0, role: "application", "aria-label":
      `${data.title}, ${data.rows.length} rows, ${data.columns.length} columns. Arrow keys walk from cell to cell, Enter shows what is in one.` });
    const context = canvas.getContext("2d");
    const words = make("div", { role: "status", class: "hover" }, "Point at a cell, or walk with the arrow keys; click or press Enter to see what is in it.");
    const list = make("div");
    const shares = make("input", { type: "checkbox" });
    shares.checked = data.normalize;
    const which = make("select", {}, make("option", {}, "the most confused classes"));
    if (blocks) which.append(make("option", {}, `all classes, in blocks of ${blocks.size}`));

    const place = { cell: 0, left: 0, top: 0 };
    const middle = (text, room) => {
      const letters = [...text];
      let tail = Math.floor(letters.length / 2), head = letters.length - tail, shown = text;
      while (head + tail > 0 && context.measureText(shown).width > room) {
        if (head > tail) head -= 1;
        else tail -= 1;
        shown = `${letters.slice(0, head).join("")}…${letters.slice(letters.length - tail).join("")}`;
      }
      return shown;
    };
    // Long names that begin alike are cut there, others in their middle: what tells them apart stays.
    const cut = (names, room) => {
      const fits = (name) => context.measureText(name).width <= room;
      const long = names.filter((name) => !fits(name)).map((name) => [...name]);
      let common = 0;
      while (long.length > 1 && long.every((name) => common < name.length && name[common] === long[0][common])) common += 1;
      return names.map((name) => (fits(name) ? name : middle(common > 4 ? `…${[...name].slice(common - 2).join("")}` : name, room)));
    };
    // Measured again where the room or the font is another.
    const labels = () => {
      const key = [context.font, place.left, place.top, document.fonts.status].join();
      if (!view.labels || view.labels.key !== key) view.labels = { key, rows: cut(view.rows, place.left - 10), columns: cut(view.columns, place.top - 12) };
      return view.labels;
    };
    const paint = () => {
      const width = canvas.clientWidth;
      if (!width) return;
      const ratio = window.devicePixelRatio || 1;
      const columns = view.columns.length, rows = view.rows.length;
      // Names stand beside cells that are large enough for them; else the cells have the room.
      const fitting = (left) => Math.min((width - left - 2) / columns, 64);
      const named = fitting(Math.min(150, width * 0.28)) >= 11;
      place.left = named ? Math.min(150, width * 0.28) : 4;
      const cell = (place.cell = fitting(place.left));
      place.top = named ? 110 : 8;
      const height = place.top + rows * cell + 4;
      canvas.style.height = `${height}px`;
      [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.fillStyle = "#fff";
      context.fillRect(0, 0, width, height);
      context.textBaseline = "middle";
      const size = Math.min(13, Math.max(9, cell * 0.6));
      const gap = cell > 8 ? 1 : 0;
      for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1) {
          const count = view.counts[row * columns + column];
          const of = shares.checked ? view.sums[row] : view.largest;
          const step = of > 0 ? Math.round((count / of) * (grounds.length - 1)) : 0;
          const [x, y] = [place.left + column * cell, place.top + row * cell];
          context.fillStyle = count > 0 && step === 0 ? grounds[1] : grounds[step];
          context.fillRect(x, y, cell - gap, cell - gap);
          if (count === 0 || cell < 30) continue;
          context.fillStyle = inks[step];
          context.font = `${Math.min(13, cell * 0.32)}px ${family}`;
          context.textAlign = "center";
          context.fillText(shares.checked ? (count / of).toFixed(2) : count, x + cell / 2, y + cell / 2);
        }
      }
      context.fillStyle = "#1c212b";
      context.strokeStyle = "#1c212b";
      context.font = `${size}px ${family}`;
      context.textAlign = "right";
      if (named) labels().rows.forEach((name, row) => context.fillText(name, place.left - 6, place.top + (row + 0.5) * cell));
      context.textAlign = "left";
      if (named) labels().columns.forEach((name, column) => {
        context.save();
        context.translate(place.left + (column + 0.5) * cell, place.top - 6);
        context.rotate(-Math.PI / 2);
        context.fillText(name, 0, 0);
        context.restore();
      });
      // The diagonal is outlined: what is right is told by more than its shade.
      context.lineWidth = 1;
      view.own.forEach((column, row) => {
        if (column !== NONE) context.strokeRect(place.left + column * cell + 0.5, place.top + row * cell + 0.5, cell - gap - 1, cell - gap - 1);
      });
      for (const [one, line] of [[picked, 4], [at, 2]]) {
        if (one < 0) continue;
        context.lineWidth = line;
        context.strokeStyle = "#b34200";
        context.strokeRect(place.left + (one % columns) * cell, place.top + Math.floor(one / columns) * cell, cell - gap, cell - gap);
      }
    };
    const says = (one) => {
      const row = Math.floor(one / view.columns.length), column = one % view.columns.length;
      const count = view.counts[one], sum = view.sums[row];
      const part = sum > 0 ? `, ${((100 * count) / sum).toFixed(1)} % of the row's ${sum}` : "";
      const right = view.right && row === column ? `, ${view.right[row]} of them with their own class` : "";
      return `True ${view.rows[row]}, predicted ${view.columns[column]}: ${count} queries${part}${right}`;
    };
    const tell = (one) => { at = one; words.textContent = says(one); paint(); };
    const images = () => {
      const some = [];
      whole.cell.forEach((cell, query) => { if (cell === picked) some.push(query); });
      const tiles = some.slice(0, MOST).map((query) => {
        const small = make("canvas", { width: 64, height: 64, role: "img", "aria-label": `Image of query ${whole.id[query]}` });
        draw_tile(small, whole.tile[query]);
        return make("li", {}, make("figure", { class: "tile" }, small, make("figcaption", {}, `query ${whole.id[query]}`)));
      });
      return [`${tiles.length} of ${whole.counts[picked]} queries shown; images are kept of those on the maps and of the most frequent mistakes.`, make("ul", { class: "tiles" }, ...tiles)];
    };
    const pairs = () => {
      const some = blocks.pairs[picked] || [];
      const lines = some.map(([name, given, count, of]) => make("li", {}, `${name} taken for ${given}: ${count} of ${of}`));
      return [`${some.length} pairs of this block are among the ${blocks.pairs_kept} most frequent of ${blocks.pairs_of}.`, make("ul", {}, ...lines)];
    };
    const show = () => {
      picked = at;
      const [said, found] = view === whole ? images() : pairs();
      list.replaceChildren(make("h4", {}, says(picked)), make("p", { class: "muted" }, said), found);
      paint();
    };
    const under = (event) => {
      const column = Math.floor((event.offsetX - place.left) / place.cell), row = Math.floor((event.offsetY - place.top) / place.cell);
      const inside = column >= 0 && row >= 0 && column < view.columns.length && row < view.rows.length;
      return inside ? row * view.columns.length + column : -1;
    };
    canvas.addEventListener("pointermove", (event) => {
      const one = under(event);
      if (one >= 0 && one !== at) tell(one);
    });
    canvas.addEventListener("click", (event) => {
      const one = under(event);
      if (one >= 0) { tell(one); show(); }
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const columns = view.columns.length;
      const [down, across] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Enter: [0, 0], " ": [0, 0] }[event.key] || [null];
      if (down === null) return;
      event.preventDefault();
      const row = Math.min(Math.max(Math.floor(at / columns) + down, 0), view.rows.length - 1);
      const column = Math.min(Math.max((at % columns) + across, 0), columns - 1);
      tell(row * columns + column);
      if (down === 0 && across === 0) show();
    });
    shares.addEventListener("change", paint);
    which.addEventListener("change", () => {
      view = which.selectedIndex === 1 ? coarse : whole;
      [at, picked] = [0, -1];
      list.replaceChildren();
      paint();
    });
    const said = make("p", { class: "muted" });
    said.hidden = true;
    if (accepted.length > 0) document.addEventListener("threshold", ({ detail }) => {
      whole.counts = used;
      if (detail) {
        const columns = whole.columns.length;
        whole.counts = new Uint32Array(used.length);
        accepted.forEach((cell, query) => {
          if (cell !== NONE) whole.counts[detail(query) ? cell : (Math.floor(cell / columns) + 1) * columns - 1] += 1;
        });
      }
      said.textContent = "Counts are those of the threshold that is moved in Calibration; images and blocks those of the one in use.";
      said.hidden = !detail;
      add_up(whole);
      tell(at);
    });
    section.querySelector(".plot").after(make("div", { class: "panel" },
      make("label", {}, shares, "Shares of each row"), ...(blocks ? [make("label", {}, "Show", which)] : []),
      make("p", { class: "muted" }, "Rows are true classes, columns predicted ones; what is right is outlined."), said, canvas, words, list));
    new ResizeObserver(paint).observe(canvas);
    document.fonts.ready.then(paint);
    paint();
  }

  numbers.confusions.forEach(matrix);
})();
