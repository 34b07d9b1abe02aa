// Lists of images: those of a class, the right ones or the wrong ones alone.
(() => {
  "use strict";
  const { make } = page;

  function filtered(list) {
    const strips = [...list.children];
    if (strips.length < 2) return;
    const name = (strip) => (strip.querySelector("figcaption .name")?.textContent ?? "").toLowerCase();
    const wanted = make("input", { type: "search", placeholder: "class" });
    const kind = make("select", {}, ...["all", "with a wrong answer first", "with a right answer first"].map((words) => make("option", {}, words)));
    const said = make("output");
    // The first answer of a strip: the nearest neighbour, or the label that was refused.
    const first = (strip) => strip.querySelector(".tile.right, .tile.wrong, figcaption .right, figcaption .wrong");
    const show = () => {
      const part = wanted.value.trim().toLowerCase();
      let shown = 0;
      for (const strip of strips) {
        const right = first(strip)?.classList.contains("right");
        const fits = kind.selectedIndex === 0 || (right !== undefined && right === (kind.selectedIndex === 2));
        strip.hidden = !(fits && name(strip).includes(part));
        shown += strip.hidden ? 0 : 1;
      }
      said.textContent = `${shown} of ${strips.length} shown`;
    };
    wanted.addEventListener("input", show);
    kind.addEventListener("change", show);
    list.before(make("div", { class: "panel" }, make("label", {}, "Class", wanted), make("label", {}, "Show", kind), said));
    show();
  }

  document.querySelectorAll("#neighbours ul.strips, #no-match ul.tiles").forEach(filtered);
})();
