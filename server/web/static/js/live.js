// The stream of changes: connects, notices when it has gone silent, says so, and connects again.

import { serverNow, setServerNow, span, word } from "./base.js";

const SILENT_AFTER_MS = 15000; // one and a half heartbeats of 10 s
const WATCH_EVERY_MS = 1000;
const AGAIN_MS = 3000;

/**
 * Opens `url` and calls `on[event](data)`. `on.resync()` is called whenever changes may have been missed: after
 * every connection (the first comes later than the page was made), and when the server says so. The page then
 * reads everything again.
 */
export function connect(url, on) {
  const pill = document.getElementById("live-pill");
  const pillWords = document.getElementById("live-words");
  const banner = document.getElementById("live-banner");
  const bannerAge = document.getElementById("live-age");
  let source = null;
  let lastSign = Date.now();
  let state = "";
  let again = 0;

  function show(next) {
    if (next === "off") bannerAge.textContent = span((Date.now() - lastSign) / 1000);
    if (next === state) return;
    state = next;
    pill.dataset.state = next;
    pillWords.textContent = word(next);
    banner.hidden = next !== "off";
  }

  function heard(event) {
    lastSign = Date.now();
    show("live");
    if (event && /^\d+$/.test(event.data)) setServerNow(Number(event.data));
  }

  function open() {
    clearTimeout(again);
    source?.close();
    source = new EventSource(url);
    source.addEventListener("hello", (event) => {
      heard(event);
      on.resync?.();
    });
    source.addEventListener("heartbeat", heard);
    source.addEventListener("resync", () => {
      heard();
      on.resync?.();
    });
    for (const name of Object.keys(on)) {
      if (name === "resync") continue;
      source.addEventListener(name, (event) => {
        heard();
        on[name](event.data);
      });
    }
    source.onerror = () => {
      // The browser tries again by itself unless the answer was not a stream: then somebody has to log in.
      if (source.readyState !== EventSource.CLOSED) return;
      again = setTimeout(checkedOpen, AGAIN_MS);
    };
  }

  async function checkedOpen() {
    try {
      const answer = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        location.reload();
        return;
      }
    } catch {
      // still no network
    }
    open();
  }

  setInterval(() => {
    const silent = Date.now() - lastSign;
    if (silent > SILENT_AFTER_MS || (source.readyState !== EventSource.OPEN && silent > 4000)) show("off");
    else if (state === "off") show("connecting");
    if (silent > SILENT_AFTER_MS * 2 && source.readyState === EventSource.OPEN) {
      lastSign = Date.now() - SILENT_AFTER_MS - 1; // a dead connection that looks open: begin a new one
      open();
    }
  }, WATCH_EVERY_MS);
  window.addEventListener("online", open);
  document.addEventListener("visibilitychange", () => {
    // A telephone that was asleep: its stream may be dead without knowing.
    if (!document.hidden && Date.now() - lastSign > SILENT_AFTER_MS) open();
  });
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) open();
  });
  open();
  return { age: () => serverNow() };
}

/** The page's own address again, as a fragment. Null where it cannot be had; a reload where the log-in is over. */
export async function fragment(url) {
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, cache: "no-store" });
    if (answer.status === 401) location.reload();
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}
