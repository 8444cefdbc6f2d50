// Lets this browser be woken by web push, on its owner's word.

const button = document.getElementById("push-on");
const said = document.getElementById("push-said");

const bytes = (text) => {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
};

function say(key) {
  said.textContent = said.dataset[key];
}

async function subscribe() {
  say("working");
  if ((await Notification.requestPermission()) !== "granted") return say("denied");
  const registration = await navigator.serviceWorker.register("/worker.js");
  await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytes(button.dataset.key),
  });
  const answer = await fetch(button.dataset.address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(subscription),
  });
  if (!answer.ok) return say("refused");
  location.reload();
}

if (button) {
  const able = "serviceWorker" in navigator && "PushManager" in window;
  button.disabled = !able;
  if (!able) say("unable");
  button.addEventListener("click", () => subscribe().catch(() => say("failed")));
}
