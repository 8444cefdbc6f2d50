// A commissioning test: shows the press the moment it is seen, and then the form to sign.

import { serverNow, span } from "./base.js";
import { connect, fragment } from "./live.js";

const page = document.getElementById("test");
const sign = document.getElementById("sign");

async function refresh() {
  const text = await fragment(location.href);
  if (text === null) return;
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("progress");
  const shown = document.getElementById("progress");
  if (!fresh || !shown) return;
  const before = shown.dataset.state;
  const after = fresh.dataset.state;
  if (!["waiting", "seen"].includes(after)) {
    location.replace(location.pathname); // over: somebody signed, or its time is up
    return;
  }
  if (before === after) {
    // The line that screen readers hear stays, so that it is not said again.
    fresh.querySelector(".test-state").replaceWith(shown.querySelector(".test-state"));
  }
  shown.replaceWith(fresh);
  tick();
  if (before !== after && after === "seen") {
    sign.hidden = false;
    navigator.vibrate?.([120, 60, 120]);
    document.getElementById("sign-head").focus({ preventScroll: true });
    document.getElementById("progress").scrollIntoView({ block: "start", behavior: "smooth" });
  }
}

function tick() {
  const left = document.querySelector("[data-left]");
  if (!left) return;
  const seconds = (Number(left.dataset.left) - serverNow()) / 1000;
  left.textContent = span(seconds);
  if (seconds < -3) location.replace(location.pathname);
}

tick();
setInterval(tick, 1000);
connect(page.dataset.live, { change: refresh, resync: refresh });
