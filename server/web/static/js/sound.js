// Tones for tasks. Browsers let a page sound only after a click: until then a bar asks for one.

const KEY = "sunwell-sound";
const PATTERNS = {
  critical: [[880, 0], [660, 0.22], [880, 0.44], [660, 0.66]],
  major: [[740, 0], [740, 0.28]],
  minor: [[620, 0]],
  warning: [[520, 0]],
};
let context = null;

const wanted = () => localStorage.getItem(KEY) !== "off";
const ready = () => context?.state === "running";

/** Sounds the tone of a severity, if sound is wanted and allowed. */
export function ring(severity) {
  if (!wanted() || !ready()) return;
  for (const [frequency, delay] of PATTERNS[severity] ?? PATTERNS.warning) {
    const start = context.currentTime + delay;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.35, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.2);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.22);
  }
}

/** Shows the switch and, while the browser still wants a click, the bar. */
export function setUpSound(word) {
  const toggle = document.getElementById("sound-switch");
  const bar = document.getElementById("sound-bar");

  async function unlock() {
    context ??= new AudioContext();
    if (context.state !== "running") await context.resume();
    show();
  }

  function show() {
    toggle.hidden = false;
    toggle.setAttribute("aria-pressed", String(wanted()));
    toggle.title = word(wanted() ? "sound_on" : "sound_off");
    toggle.setAttribute("aria-label", toggle.title);
    bar.hidden = !wanted() || ready();
  }

  toggle.addEventListener("click", async () => {
    localStorage.setItem(KEY, wanted() ? "off" : "on");
    show();
    if (wanted()) {
      await unlock();
      ring("warning");
    }
  });
  document.getElementById("sound-enable").addEventListener("click", async () => {
    await unlock();
    ring("warning");
  });
  document.addEventListener("click", () => wanted() && !ready() && unlock(), { once: true });
  try {
    context = new AudioContext(); // runs at once where the site is trusted to sound
    context.onstatechange = show;
  } catch {
    context = null;
  }
  show();
}
