// On every page: ages that tick on the server's clock, and forms that cannot be sent twice.

const words = JSON.parse(document.getElementById("words").textContent);
let offset = words.now - Date.now();

export const word = (key) => words[key];

/** The server's clock, in milliseconds; the browser's own may be wrong. */
export const serverNow = () => Date.now() + offset;

/** Told by the stream: the server's present time. */
export function setServerNow(milliseconds) {
  offset = milliseconds - Date.now();
}

/** A span in its largest whole unit, as the server writes it. */
export function span(seconds) {
  for (const [key, size] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) {
    if (seconds >= size) return words[key].replace("{n}", Math.floor(seconds / size));
  }
  return words.seconds.replace("{n}", Math.max(0, Math.floor(seconds)));
}

function tick() {
  for (const element of document.querySelectorAll(".age[data-since]")) {
    const text = span((serverNow() - Number(element.dataset.since)) / 1000);
    if (element.textContent !== text) element.textContent = text;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-once")) return;
  if (form.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.setAttribute("aria-busy", "true");
  // Where no answer comes (the network is gone), the button works again; the server takes a repeat calmly.
  setTimeout(() => form.removeAttribute("aria-busy"), 16000);
}, true);

// Who accepts a task and leaves the page in the same second has accepted it.
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.request.body instanceof URLSearchParams) ctx.request.keepalive = true;
});

for (const name of ["htmx:finally:request", "htmx:error"]) {
  document.addEventListener(name, (event) => event.target.closest?.("form")?.removeAttribute("aria-busy"));
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

const more = document.querySelector(".main-nav details.nav-more");
document.addEventListener("click", (event) => {
  if (more?.open && !more.contains(event.target)) more.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !more?.open) return;
  more.open = false;
  more.querySelector("summary").focus();
});

setInterval(tick, 1000);
