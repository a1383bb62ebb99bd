"use strict";
(() => {
  const { themes, figures } = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const coarse = window.matchMedia("(pointer: coarse)");
  const narrow = window.matchMedia("(max-width: 640px)");
  const places = [...document.querySelectorAll("[data-figure]")];
  let printing = false;

  const layoutOf = (name) => {
    const layout = { ...figures[name].layout };
    layout.template = themes[dark.matches && !printing ? "dark" : "light"];
    // The paper has no width yet when figures are drawn for it; this fits a sheet held upright.
    if (printing) layout.width = 640;
    // A finger that scrolls the page must not draw a zoom box.
    layout.dragmode = coarse.matches || name !== "map" ? false : "zoom";
    if (narrow.matches && name === "map") {
      layout.height = 480;
      layout.legend = { ...layout.legend, orientation: "h", x: 0, y: -0.2, yanchor: "top" };
      // A legend of many lines would leave no room for the map.
      layout.showlegend = figures[name].data.length <= 16;
    }
    return layout;
  };

  const draw = (place) => {
    const name = place.dataset.figure;
    const layout = layoutOf(name);
    place.style.minHeight = `${layout.height}px`;
    return Plotly.react(place, figures[name].data, layout, {
      displaylogo: false,
      displayModeBar: name === "map" ? "hover" : false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      responsive: true,
    });
  };

  const drawAll = () => Promise.all(places.map(draw));
  const print = (now) => {
    printing = now;
    drawAll();
  };

  drawAll().then(() => { document.documentElement.dataset.charts = "drawn"; });
  dark.addEventListener("change", drawAll);
  narrow.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));

  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const list = document.querySelector(".contents ul");
  const visible = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) visible.add(entry.target.id);
      else visible.delete(entry.target.id);
    }
    const current = [...links.keys()].find((id) => visible.has(id));
    for (const [id, link] of links) {
      if (id === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (current) list.scrollLeft = links.get(current).offsetLeft - list.offsetLeft - 60;
  }, { rootMargin: "-15% 0px -60% 0px" });
  for (const id of links.keys()) observer.observe(document.getElementById(id));
})();
