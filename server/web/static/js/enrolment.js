// A new code's page: how long it still counts, by the server's clock.

import { serverNow } from "./base.js";

const left = document.getElementById("left");

function tick() {
  const seconds = Math.ceil((Number(left.dataset.until) - serverNow()) / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  left.textContent = seconds > 0 ? parts.map((part) => String(part).padStart(2, "0")).join(":") : left.dataset.over;
}

tick();
setInterval(tick, 1000);
