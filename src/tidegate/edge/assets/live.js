// Keeps an open page fresh: asks for its contents again, says when it cannot, and lets no old number look new.
// The contract with the server: `#main[data-live]` answers the event `tg:refresh`; `#contents[data-now]` holds the
// server's time; elements with `data-verdict` and `data-title` are announced when their verdict changes.

const VISIBLE_MS = 1500; // a change is to be seen within 2 s: this, and half a second for the answer
const HIDDEN_MS = 60000;
const RETRIES_S = [2, 4, 8, 15];
const TOLD_AFTER_FAILURES = 2; // one lost answer is a hiccup, two are news

/**
 * Says what `relative` in edge/moments.py says; a test compares them.
 * @param {number} moment milliseconds
 * @param {number} now milliseconds
 * @returns {string}
 */
export function relative(moment, now) {
  const seconds = Math.trunc(Math.abs(now - moment) / 1000);
  if (seconds < 1) return "now";
  const steps = [[172800, 86400, "d"], [7200, 3600, "h"], [120, 60, "min"], [0, 1, "s"]];
  const [, size, unit] = steps.find(([atLeast]) => seconds >= atLeast);
  const words = `${Math.floor(seconds / size)} ${unit}`;
  return moment < now ? `${words} ago` : `in ${words}`;
}

const main = document.getElementById("main");
if (main?.hasAttribute("data-live")) start(main);

/** @param {HTMLElement} main */
function start(main) {
  const sign = document.getElementById("connection");
  const spoken = document.getElementById("announcements");
  let failures = 0;
  let timer = 0;
  let receivedAt = performance.now();
  let verdicts = verdictsOf(main);

  sign.hidden = false;
  show("live", "Live");
  plan(VISIBLE_MS);

  function refresh() {
    clearTimeout(timer);
    main.dispatchEvent(new CustomEvent("tg:refresh"));
    plan(document.hidden ? HIDDEN_MS : VISIBLE_MS * 4); // in case no answer of any kind comes back
  }

  function plan(delay) {
    clearTimeout(timer);
    timer = setTimeout(refresh, delay);
  }

  function show(state, words) {
    if (sign.dataset.state !== state) sign.dataset.state = state;
    if (sign.textContent !== words) sign.textContent = words;
    document.documentElement.dataset.connection = state;
  }

  function succeeded() {
    if (failures >= TOLD_AFTER_FAILURES) spoken.textContent = "Live updates are back.";
    failures = 0;
    receivedAt = performance.now();
    show("live", "Live");
    announce();
    plan(document.hidden ? HIDDEN_MS : VISIBLE_MS);
  }

  function failed() {
    failures += 1;
    const wait = RETRIES_S[Math.min(failures, RETRIES_S.length) - 1];
    if (failures >= TOLD_AFTER_FAILURES) {
      show("lost", `Live updates paused, retrying in ${wait} s`);
      if (failures === TOLD_AFTER_FAILURES) spoken.textContent = "Live updates paused. What you see may be old.";
    }
    plan(wait * 1000);
  }

  function announce() {
    const found = verdictsOf(main);
    const changed = [...found].filter(([id, { verdict }]) => verdicts.has(id) && verdicts.get(id).verdict !== verdict);
    if (changed.length) {
      spoken.textContent = changed.map(([, { title, verdict }]) => `${title} changed to ${verdict}.`).join(" ");
    }
    verdicts = found;
  }

  function age() {
    const contents = document.getElementById("contents");
    const now = Date.parse(contents.dataset.now) + performance.now() - receivedAt;
    for (const time of main.querySelectorAll("time[data-relative]")) {
      const words = relative(Date.parse(time.dateTime), now);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // An answer that is an error never replaces what is on the page: old and marked as old beats nothing.
  main.addEventListener("htmx:before:swap", (event) => {
    if (event.detail.ctx.response.status !== 200) event.preventDefault();
  });
  main.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.response.status === 200) succeeded();
  });
  main.addEventListener("htmx:response:error", failed);
  main.addEventListener("htmx:error", failed);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  // Between answers nothing runs; only when answers stay away do the times move on by themselves.
  setInterval(() => { if (failures) age(); }, 1000);
}

/**
 * @param {HTMLElement} main
 * @returns {Map<string, {title: string, verdict: string}>}
 */
function verdictsOf(main) {
  const marked = [...main.querySelectorAll("[data-verdict]")];
  return new Map(marked.map((element) => [element.id, { title: element.dataset.title, verdict: element.dataset.verdict }]));
}
