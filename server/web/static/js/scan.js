// Reading a code with the camera, where the browser can. Typing works always.

import "./base.js";

const LOOK_EVERY_MS = 200;
const FORMATS = ["qr_code", "data_matrix", "code_128", "code_39", "ean_13"];

async function detector() {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices) return null;
  const known = await window.BarcodeDetector.getSupportedFormats();
  const formats = FORMATS.filter((format) => known.includes(format));
  return formats.includes("qr_code") ? new window.BarcodeDetector({ formats }) : null;
}

async function prepare(element) {
  const open = element.querySelector("[data-scan]");
  const close = element.querySelector("[data-scan-stop]");
  const video = element.querySelector("video");
  const words = element.querySelector("[data-scan-words]");
  const code = element.querySelector("[name=code]");
  let stream = null;
  let reader = null;
  try {
    reader = await detector();
  } catch {
    // as if there were none
  }
  if (!reader) {
    words.textContent = element.dataset.none;
    return;
  }
  open.hidden = false;

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    video.hidden = close.hidden = true;
    open.hidden = false;
    words.textContent = "";
  }

  async function look() {
    if (!stream) return;
    try {
      const [found] = await reader.detect(video);
      if (found?.rawValue) {
        code.value = found.rawValue.trim();
        for (const pick of element.closest("form").querySelectorAll("[name=found_id]")) pick.checked = false;
        navigator.vibrate?.(80);
        stop();
        element.closest("form").requestSubmit();
        return;
      }
    } catch {
      // a frame that cannot be read yet: the next one will do
    }
    setTimeout(look, LOOK_EVERY_MS);
  }

  open.addEventListener("click", async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      words.textContent = element.dataset.denied;
      code.focus();
      return;
    }
    video.srcObject = stream;
    video.hidden = close.hidden = false;
    open.hidden = true;
    words.textContent = element.dataset.looking;
    await video.play();
    look();
  });
  close.addEventListener("click", stop);
  window.addEventListener("pagehide", stop);
}

for (const element of document.querySelectorAll("[data-scanner]")) prepare(element);
// A typed code and a picked device exclude each other: the last one chosen counts.
for (const form of document.forms) {
  form.elements.code?.addEventListener?.("input", () => {
    for (const pick of form.querySelectorAll("[name=found_id]")) pick.checked = false;
  });
}
