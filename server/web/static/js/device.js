// One device: its charts, each drawn when it comes into view.

import "./base.js";
import { chartAt } from "./chart.js";

window.addEventListener("load", () => {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      chartAt(entry.target);
    }
  }, { rootMargin: "200px" });
  for (const element of document.querySelectorAll("[data-chart]")) seen.observe(element);
});
