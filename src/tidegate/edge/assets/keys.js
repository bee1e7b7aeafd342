// Moving by keyboard. Single keys never fire inside fields and can be turned off in the help (WCAG 2.1.4).

const STORED = "tidegate-keys";
const PLACES = { l: "/", s: "/signals", a: "/alerts", t: "/tenants", i: "/ai-runs" };
const CHORD_MS = 1000;
let chordUntil = 0;

const toggle = document.getElementById("keys-on");
if (toggle) {
  toggle.closest("[hidden]")?.removeAttribute("hidden");
  toggle.checked = isOn();
  toggle.addEventListener("change", () => localStorage.setItem(STORED, toggle.checked ? "on" : "off"));
  document.addEventListener("keydown", onKey);
}

function isOn() {
  return localStorage.getItem(STORED) !== "off";
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const inField = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || inField || !isOn()) return;
  if (document.querySelector(":popover-open") && event.key !== "?") return;
  if (event.timeStamp < chordUntil && PLACES[event.key]) {
    location.assign(PLACES[event.key]);
  } else if (event.key === "?") {
    document.getElementById("keys").togglePopover();
  } else if (event.key === "j" || event.key === "k") {
    step(event.key === "j" ? 1 : -1);
  } else if (event.key !== "g") {
    return;
  }
  chordUntil = event.key === "g" ? event.timeStamp + CHORD_MS : 0;
  event.preventDefault();
}

/** Moves the focus to the next or previous row; Enter then opens it, as with any link. */
function step(by) {
  const rows = [...document.querySelectorAll("#main [data-row]")];
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[next]?.focus();
}
