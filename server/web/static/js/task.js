// One task: refreshed when somebody acts on it, with its chart and its place on the map.

import "./base.js";
import { chartAt } from "./chart.js";
import { connect } from "./live.js";
import { placeMap } from "./street.js";

const CHART_EVERY_MS = 20000;
const ANSWERED_MS = 5000; // the answer and what others did at the same time come in any order
let answered = -ANSWERED_MS;
const page = () => document.getElementById("task-page");

function refresh() {
  window.htmx.ajax("GET", page().dataset.self, { target: "#task-page", swap: "outerMorph" });
}

// On a telephone the bar's "close" opens the closing form over the page. Its place on the page is where it is
// without this script, and where it is again afterwards; what was typed stays in it.
const drawer = () => document.getElementById("end");

document.addEventListener("click", (event) => {
  if (event.target.closest?.("a[data-opens=end]") && CSS.supports("selector(:modal)") && drawer()) {
    event.preventDefault();
    drawer().closest("details")?.setAttribute("open", "");
    drawer().open = false;
    drawer().showModal();
  } else if (event.target.closest?.("[data-closes=end]") || event.target === drawer()) {
    if (drawer().matches(":modal")) drawer().close();
  }
});

document.addEventListener("close", (event) => {
  if (event.target !== drawer()) return;
  drawer().open = true;
  drawer().closest("details")?.removeAttribute("open");
}, true);

// Noted here: the stream may have taken the form away before its own answer comes.
document.addEventListener("submit", () => {
  answered = performance.now();
}, true);

// What was typed stays while others act (the morph keeps it); what was sent goes.
document.addEventListener("htmx:after:request", (event) => {
  const { response, sourceElement } = event.detail.ctx; // the stream may have taken the form off the page
  const form = sourceElement.closest?.("form");
  if (!form || response.status >= 400) return;
  form.reset();
  form.closest("details")?.removeAttribute("open");
});

// The step that was taken is gone from the page, and the keyboard's place with it: the next one comes after this.
document.addEventListener("htmx:after:swap", () => {
  if (performance.now() - answered < ANSWERED_MS && !page().contains(document.activeElement)) {
    document.querySelector(".acts")?.focus({ preventScroll: true });
  }
});

// Two answers may overtake each other: an older state never covers a newer one.
document.addEventListener("htmx:before:swap", (event) => {
  const version = /id="task-page"[^>]* data-version="(\d+)"/.exec(event.detail.ctx.text ?? "");
  if (version && Number(version[1]) < Number(page().dataset.version)) event.preventDefault();
});

window.addEventListener("load", async () => {
  const chart = document.getElementById("chart");
  if (chart) {
    const again = await chartAt(chart);
    setInterval(() => document.hidden || again(), CHART_EVERY_MS);
  }
  const map = document.getElementById("map");
  if (map) placeMap(map);
  connect(page().dataset.live, {
    change: (data) => {
      const change = JSON.parse(data);
      if (change.kind === "task" && change.id === page().dataset.id) refresh();
    },
    resync: refresh,
  });
});
