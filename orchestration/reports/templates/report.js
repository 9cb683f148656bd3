(() => {
  const box = document.getElementById("filter");
  const items = [...document.querySelectorAll("[data-find]")];
  const groups = [...document.querySelectorAll("[data-group]")];
  const said = document.getElementById("found");
  box.closest("label").hidden = false;
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of items) {
      const hit = words.every((w) => item.dataset.find.toLowerCase().includes(w));
      item.hidden = !hit;
      shown += hit;
    }
    for (const group of groups) group.hidden = !group.querySelector("[data-find]:not([hidden])");
    said.textContent = words.length ? `${shown} of ${items.length}` : "";
  });
})();
