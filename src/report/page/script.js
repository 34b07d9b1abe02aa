// What moves on the page: a threshold, and the maps of embeddings. Every number is on the page without it.
const page = (() => {
  "use strict";
  const numbers = JSON.parse(document.getElementById("numbers").textContent);

  // Little-endian arrays in base64.
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);
  const counts = (text) => new Uint32Array(bytes(text).buffer);

  // An element with attributes and children; text stays text.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const digits = (value, count = 4) => (Number.isFinite(value) ? value.toFixed(count) : "–");
  const part = (some, whole) => (whole > 0 ? `${((100 * some) / whole).toFixed(1)} %` : "–");

  // A small image of the sheet.
  const draw_tile = (canvas, tile) => {
    const pen = canvas.getContext("2d"), { sheet } = numbers;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (!sheet || tile === 0xffffffff) return;
    const column = tile % sheet.columns, row = Math.floor(tile / sheet.columns);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(sheet.image, column * sheet.side, row * sheet.side, sheet.side, sheet.side, 0, 0, canvas.width, canvas.height);
  };

  // Everything is read on paper, opened or not.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((one) => (one.open = true));
  });
  addEventListener("afterprint", () => closed.forEach((one) => (one.open = false)));

  const WORDS = {
    npv: "rejections that are right (npv)", fpr: "false positive rate (fpr)", far: "false acceptance rate (far)",
    frr: "false rejection rate (frr)", tpr: "true positive rate (tpr)", dir: "detection and identification rate (dir)",
    binary_accuracy: "accepted with the right label (binary_accuracy)",
  };

  const drawn = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // Marks the threshold in a chart: a rule across it, or a ring on its curve. Gives what moves the mark.
  function followed({ figure, axes, plane, x, y }) {
    const svg = document.querySelector(`#figure-${figure} .plot > svg`);
    if (!svg) return null;
    const [left, top, width, height] = plane;
    const rule = axes[1] === "";
    const look = { stroke: "#b34200", "stroke-width": 4, fill: "none" };
    const mark = rule ? drawn("line", { y1: top, y2: top + height, ...look }) : drawn("circle", { r: 15, ...look });
    return (value) => {
      mark.remove();
      if (!value) return;
      const across = left + ((value(axes[0]) - x[0]) / (x[1] - x[0])) * width;
      if (rule) for (const end of ["x1", "x2"]) mark.setAttribute(end, across);
      else {
        mark.setAttribute("cx", across);
        mark.setAttribute("cy", top + height - ((value(axes[1]) - y[0]) / (y[1] - y[0])) * height);
      }
      svg.append(mark);
    };
  }

  function threshold(data) {
    const place = document.getElementById("threshold");
    if (!place || !data) return;
    const distance = floats(data.distance);
    const metrics = Object.entries(data.metrics).map(([name, text]) => [name, floats(text)]);
    const [tp, fp, tn, fn] = data.counts.map(counts);
    const queries = { distance: floats(data.queries.distance), right: bytes(data.queries.right) };
    const nearest = (wanted) => {
      let best = 0;
      distance.forEach((value, at) => {
        if (Math.abs(value - wanted) < Math.abs(distance[best] - wanted)) best = at;
      });
      return best;
    };
    const first = data.used === null ? 0 : nearest(data.used);
    // The slider moves by distance, whichever distances there are; arrow keys go from one threshold to the next.
    const last = distance.length - 1, span = distance[last] - distance[0] || 1;
    const share = (at) => (distance[at] - distance[0]) / span;
    let at = first;
    const slider = make("input", { type: "range", min: 0, max: 1, step: "any", value: share(at), "aria-label": data.what });
    const said = make("output", { for: "threshold-slider" });
    slider.id = "threshold-slider";
    const list = make("dl");
    const back = make("button", { type: "button" }, "Back to the cutpoint in use");
    const accepts = (value, at) => (data.larger ? value >= distance[at] : value <= distance[at]);
    const judged = () => {
      let accepted = 0, right = 0;
      queries.distance.forEach((value, query) => {
        if (!accepts(value, at)) return;
        accepted += 1;
        right += queries.right[query];
      });
      return { accepted, right, all: queries.distance.length };
    };
    // What a number is a share of: of nothing it is not known.
    const below = (name) => ({
      precision: tp[at] + fp[at], npv: tn[at] + fn[at], fpr: fp[at] + tn[at], far: data.asked - tp[at] - fn[at],
      recall: tp[at] + fn[at], tpr: tp[at] + fn[at], frr: tp[at] + fn[at], f1: 2 * tp[at] + fp[at] + fn[at],
    })[name] ?? data.asked;
    const charts = data.charts.map(followed).filter(Boolean);
    const show = () => {
      said.textContent = digits(distance[at], 6);
      slider.setAttribute("aria-valuetext", said.textContent);
      const { accepted, right, all: asked } = judged();
      const value = (name) => metrics.find(([one]) => one === name)?.[1][at] ?? distance[at];
      const rows = metrics.map(([name, values]) => [`Calibration: ${WORDS[name] ?? name}`, below(name) > 0 ? digits(values[at]) : "–"]);
      // Not by adding up: a wrong label may count as accepted and as missed.
      if (data.asked > 0) rows.push(["Calibration: rejected", part(data.asked - tp[at] - fp[at], data.asked)]);
      if (asked > 0) {
        rows.push(["Queries accepted", part(accepted, asked)], ["Of these right", part(right, accepted)]);
        rows.push(["Queries with their own class", part(right, asked)]);
      }
      list.replaceChildren(...rows.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))));
      charts.forEach((move) => move(at === first ? null : value));
    };
    // Confusion matrices follow: told whether a query is accepted, or nothing where the threshold is that in use.
    const follow = () => {
      const accepted = at === first ? null : (query) => accepts(queries.distance[query], at);
      document.dispatchEvent(new CustomEvent("threshold", { detail: accepted }));
    };
    const go = (to) => {
      at = Math.min(Math.max(to, 0), last);
      slider.value = share(at);
      show();
      follow();
    };
    slider.addEventListener("input", () => go(nearest(distance[0] + slider.value * span)));
    slider.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      go(at + by);
    });
    back.addEventListener("click", () => go(first));
    const of = `${distance.length} of ${data.of} thresholds, ${queries.distance.length} of ${data.queries.of} queries.`;
    place.append(make("div", { class: "panel" },
      make("h3", {}, "Move the threshold"),
      make("p", { class: "muted" }, `What another threshold would give: ${of}`),
      make("label", {}, data.what, slider, said), back, list));
    show();
  }

  // Marks that a legend names at most.
  const MOST_NAMED = 20;
  const VERDICTS = ["not a query", "right", "wrong", "no match"];

  function projector(data, looks) {
    const section = document.getElementById(`figure-${data.figure}`);
    if (!section || data.id.length === 0) return;
    const map = {
      x: floats(data.x), y: floats(data.y), kind: counts(data.class), verdict: bytes(data.verdict),
      tile: counts(data.tile), nearest: counts(data.nearest), given: counts(data.given), neighbours: counts(data.neighbours),
    };
    const NONE = 0xffffffff;
    const total = data.id.length;
    const canvas = make("canvas", { tabindex: 0, role: "application", "aria-label":
      `${data.title}, ${total} points. Arrow keys walk from point to point, plus and minus zoom, 0 shows all, Enter keeps the class alone, space chooses the point. What a point is and what is nearest to it in the embedding is said below.` });
    const context = canvas.getContext("2d");
    const small = make("canvas", { width: 72, height: 72, "aria-hidden": "true" });
    const words = make("div", { role: "status" }, "Point at a mark, or walk with the arrow keys.");
    const near = make("ol", { class: "near", "aria-label": "Nearest in the embedding itself" });
    const status = make("output");
    const view = { scale: 1, x: 0, y: 0 };
    let visible = [], current = -1, alone = null, lasso = null, chosen = [], due = false;

    const colour = make("select", {}, ...["class", "prediction", "correctness"].map((name) => make("option", {}, name)));
    const filter = make("select", {}, ...["all", ...VERDICTS.slice(1)].map((name) => make("option", {}, name)));
    const search = make("input", { type: "search", placeholder: "class" });
    const round = make("input", { type: "checkbox" });
    const button = (text, act) => {
      const made = make("button", { type: "button" }, text);
      made.addEventListener("click", act);
      return made;
    };

    // A mark of each look, drawn once and mixed into the picture for each point: ten times as fast as drawing copies of it.
    const ratio = () => window.devicePixelRatio || 1;
    const radius = () => (total > 3000 ? 3.5 : 5.5) * ratio();
    let stamps = new Map();
    const stamp = (shape, ink) => {
      const key = `${shape} ${ink}`;
      if (!stamps.has(key)) {
        const side = Math.ceil(radius() * 2.4);
        const made = make("canvas", { width: side, height: side });
        const pen = made.getContext("2d", { willReadFrequently: true });
        pen.setTransform(radius(), 0, 0, radius(), side / 2, side / 2);
        pen.globalAlpha = 0.85;
        pen.fillStyle = ink;
        pen.fill(new Path2D(looks.shapes[shape]), looks.rules[shape]);
        const { data: dots } = pen.getImageData(0, 0, side, side);
        const inked = [...Array(side * side).keys()].filter((dot) => dots[4 * dot + 3] > 0);
        const channel = (one) => Uint8Array.from(inked, (dot) => dots[4 * dot + one]);
        stamps.set(key, {
          side, red: channel(0), green: channel(1), blue: channel(2), ink: channel(3),
          offset: Int32Array.from(inked, (dot) => 4 * (Math.floor(dot / side) * canvas.width + (dot % side))),
        });
      }
      return stamps.get(key);
    };
    // The shape, the colour and the name of what a point shows.
    const look = (at) => {
      const verdict = map.verdict[at];
      const shown = [[5, looks.none], [0, looks.right], [7, looks.wrong], [6, looks.none]][verdict];
      const kind = colour.value === "class" ? map.kind[at] : map.given[at];
      if (colour.value === "correctness") return [...shown, VERDICTS[verdict]];
      // A query without a match has no prediction, and what is not a query neither.
      if (kind === NONE) return verdict === 0 ? [5, looks.none, VERDICTS[0]] : [6, looks.none, VERDICTS[3]];
      const label = Math.max(data.look[kind], 0);
      return [(label + Math.floor(label / 10)) % 10, looks.colours[label % 10], data.classes[kind]];
    };
    const mark = (at) => {
      const [shape, ink] = look(at);
      return stamp(shape, ink);
    };
    const legend = make("ul", { class: "legend", "aria-label": "Marks on the map" });
    const explain = () => {
      const kinds = new Map();
      for (const at of visible) {
        const [shape, ink, name] = look(at), key = `${shape} ${ink} ${name}`;
        const kind = kinds.get(key) ?? { shape, ink, name, count: 0 };
        kind.count += 1;
        kinds.set(key, kind);
      }
      const ranked = [...kinds.values()].sort((one, other) => other.count - one.count);
      legend.replaceChildren(...ranked.slice(0, MOST_NAMED).map(({ shape, ink, name, count }) => {
        const sign = drawn("svg", { viewBox: "-1.2 -1.2 2.4 2.4", width: 14, height: 14, "aria-hidden": "true" });
        sign.append(drawn("path", { d: looks.shapes[shape], "fill-rule": looks.rules[shape], fill: ink }));
        return make("li", {}, sign, `${name}: ${count}`);
      }));
      const more = ranked.length - MOST_NAMED;
      if (more > 0) legend.append(make("li", {}, `and ${more} more classes`));
    };

    const [west, east, south, north] = data.range;
    const side = () => Math.min(canvas.width, canvas.height);
    const place = (at) => {
      const unit = side() * view.scale;
      return [
        canvas.width / 2 + ((map.x[at] - west) / (east - west) - 0.5) * unit + view.x * side(),
        canvas.height / 2 - ((map.y[at] - south) / (north - south) - 0.5) * unit + view.y * side(),
      ];
    };
    // What each point looks like, until another colour or size is asked for.
    let pictures = null, image = null;
    const neighbours = (at) => map.neighbours.subarray(at * data.told, (at + 1) * data.told).filter((other) => other !== NONE);
    const paint = () => {
      due = false;
      const { width, height } = canvas;
      pictures ??= data.id.map((_, at) => mark(at));
      if (image?.width !== width || image.height !== height) image = context.createImageData(width, height);
      const dots = image.data;
      new Uint32Array(dots.buffer).fill(0xffffffff);
      for (const at of visible) {
        const [x, y] = place(at);
        const { side, offset, red, green, blue, ink } = pictures[at];
        const left = Math.round(x - side / 2), top = Math.round(y - side / 2);
        if (left < 0 || top < 0 || left + side > width || top + side > height) continue;
        const base = 4 * (top * width + left);
        for (let dot = 0; dot < offset.length; dot += 1) {
          const to = base + offset[dot], share = ink[dot] + 1;
          dots[to] += ((red[dot] - dots[to]) * share) >> 8;
          dots[to + 1] += ((green[dot] - dots[to + 1]) * share) >> 8;
          dots[to + 2] += ((blue[dot] - dots[to + 2]) * share) >> 8;
        }
      }
      context.putImageData(image, 0, 0);
      // Where what is nearest in the embedding lies on the map.
      context.lineWidth = ratio();
      context.strokeStyle = "#1c212b";
      for (const other of current < 0 ? [] : neighbours(current)) {
        context.beginPath();
        context.moveTo(...place(current));
        context.lineTo(...place(other));
        context.stroke();
      }
      // Rings of chosen points are thin and close, so that many of them hide no other point.
      const rings = chosen.map((at) => [at, radius() + 1, 1]);
      for (const [at, wide, line] of current < 0 ? rings : [...rings, [current, 9 * ratio(), 2]]) {
        const [x, y] = place(at);
        context.lineWidth = line * ratio();
        context.beginPath();
        context.arc(x, y, wide, 0, 2 * Math.PI);
        context.stroke();
      }
      if (lasso) {
        context.beginPath();
        lasso.forEach(([x, y], step) => (step ? context.lineTo(x, y) : context.moveTo(x, y)));
        context.stroke();
      }
    };
    const draw = () => {
      if (!due) requestAnimationFrame(paint);
      due = true;
    };
    const choose = () => {
      const wanted = search.value.trim().toLowerCase();
      const verdict = VERDICTS.indexOf(filter.value);
      visible = [];
      for (let at = 0; at < total; at += 1) {
        if (alone !== null && map.kind[at] !== alone) continue;
        if (verdict > 0 && map.verdict[at] !== verdict) continue;
        if (wanted && !data.classes[map.kind[at]].toLowerCase().includes(wanted)) continue;
        visible.push(at);
      }
      if (!visible.includes(current)) current = -1;
      const more = data.left_out ? `, ${data.left_out} more hold no numbers` : "";
      status.textContent = `${visible.length} of ${total} points${more}`;
      explain();
      draw();
    };
    const size = () => {
      const width = canvas.clientWidth;
      if (!width) return;
      canvas.width = Math.round(width * ratio());
      canvas.height = Math.round(Math.min(width * 0.75, 640) * ratio());
      canvas.style.height = `${canvas.height / ratio()}px`;
      stamps = new Map();
      pictures = null;
      draw();
    };

    const tell = (at) => {
      current = at;
      draw_tile(small, at < 0 ? 0xffffffff : map.tile[at]);
      if (at < 0) {
        near.replaceChildren();
        return draw();
      }
      const given = map.given[at] === NONE ? "" : `, predicted ${data.classes[map.given[at]]}`;
      const nearest = map.nearest[at] === NONE ? "" : `; nearest in the index: ${data.classes[map.nearest[at]]}`;
      words.textContent = `${data.classes[map.kind[at]]}, example ${data.id[at]}: ${VERDICTS[map.verdict[at]]}${given}${nearest}`;
      near.replaceChildren(...Array.from(neighbours(at), (other) => {
        const right = map.kind[other] === map.kind[at];
        const tile = make("canvas", { width: 40, height: 40, "aria-hidden": "true" });
        draw_tile(tile, map.tile[other]);
        return make("li", { class: right ? "right" : "wrong" }, tile, `${right ? "✓" : "✗"} ${data.classes[map.kind[other]]}`);
      }));
      draw();
    };
    const under = (x, y) => {
      let best = -1, least = (14 * ratio()) ** 2;
      for (const at of visible) {
        const [px, py] = place(at);
        const apart = (px - x) ** 2 + (py - y) ** 2;
        if (apart < least) [best, least] = [at, apart];
      }
      return best;
    };
    const zoom = (factor, x = canvas.width / 2, y = canvas.height / 2) => {
      const scale = Math.min(Math.max(view.scale * factor, 0.5), 200);
      const by = scale / view.scale;
      const [fx, fy] = [(x - canvas.width / 2) / side(), (y - canvas.height / 2) / side()];
      [view.x, view.y, view.scale] = [fx + (view.x - fx) * by, fy + (view.y - fy) * by, scale];
      draw();
    };
    const whole = () => { [view.scale, view.x, view.y] = [1, 0, 0]; draw(); };
    const isolate = () => { alone = alone === null && current >= 0 ? map.kind[current] : null; choose(); };

    // The nearest point that lies more in the direction than aside of it.
    const step = (dx, dy) => {
      if (current < 0) return tell(visible.length ? visible[0] : -1);
      const [x, y] = place(current);
      let best = current, least = Infinity;
      for (const at of visible) {
        const [px, py] = place(at);
        const along = (px - x) * dx + (py - y) * dy;
        const aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
        if (at !== current && along > 0 && aside <= along && along + 2 * aside < least) [best, least] = [at, along + 2 * aside];
      }
      tell(best);
    };
    const keys = {
      ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
      "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: whole, Enter: isolate,
      " ": () => { if (current >= 0) take(chosen.includes(current) ? chosen.filter((point) => point !== current) : [...chosen, current]); },
    };
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });

    const inside = ([x, y], corners) => {
      let within = false;
      corners.forEach(([ax, ay], at) => {
        const [bx, by] = corners[(at + corners.length - 1) % corners.length];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
      });
      return within;
    };
    const take = (points) => {
      chosen = points;
      words.textContent = `${chosen.length} points chosen`;
      save.hidden = chosen.length === 0;
      draw();
    };
    const at = (event) => [event.offsetX * ratio(), event.offsetY * ratio()];
    let drag = null, tapped = false;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      tapped = true;
      if (event.shiftKey || round.checked) lasso = [at(event)];
      else drag = at(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      const here = at(event);
      if (lasso) { lasso.push(here); draw(); return; }
      if (!drag) { tell(under(...here)); return; }
      tapped &&= Math.hypot(here[0] - drag[0], here[1] - drag[1]) < 4 * ratio();
      if (tapped) return;
      view.x += (here[0] - drag[0]) / side();
      view.y += (here[1] - drag[1]) / side();
      drag = here;
      draw();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (lasso) take(visible.filter((point) => inside(place(point), lasso)));
      // A finger points at a mark by touching it: nothing hovers there.
      else if (drag && tapped) tell(under(...at(event)));
      lasso = drag = null;
      draw();
    });
    canvas.addEventListener("pointercancel", () => { lasso = drag = null; draw(); });
    // The wheel scrolls the page until the map has the focus.
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...at(event));
    }, { passive: false });

    const save = button("Save the chosen as CSV", () => {
      const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
      const named = (kind) => (kind === NONE ? "" : quoted(data.classes[kind]));
      const lines = chosen.map((point) => [data.id[point], named(map.kind[point]), named(map.given[point]), VERDICTS[map.verdict[point]]].join(","));
      const text = ["example_id,class,prediction,verdict", ...lines].join("\r\n");
      const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: "chosen.csv" });
      link.click();
      URL.revokeObjectURL(link.href);
    });
    save.hidden = true;
    colour.addEventListener("change", () => { pictures = null; explain(); draw(); });
    filter.addEventListener("change", choose);
    search.addEventListener("input", choose);
    section.querySelector(".plot").after(make("div", { class: "panel" },
      make("label", {}, "Colour", colour), make("label", {}, "Show", filter), make("label", {}, "Class", search), make("label", {}, round, "Drag to choose points"),
      button("Isolate class", isolate), button("Whole map", whole), button("Choose all shown", () => take([...visible])), save, status, legend,
      canvas, make("div", { class: "hover" }, small, words), near,
      make("p", { class: "muted" }, "Drag to move, wheel to zoom once the map has the focus, hold shift and drag round points to choose them; lines lead to what is nearest in the embedding itself.")));
    new ResizeObserver(size).observe(canvas);
    size();
    choose();
  }

  const { looks, sheet } = numbers;
  if (sheet) {
    sheet.image = new Image();
    sheet.image.src = sheet.address;
  }
  threshold(numbers.threshold);
  numbers.maps.forEach((map) => projector(map, looks));
  return { make, bytes, counts, numbers, draw_tile };
})();
