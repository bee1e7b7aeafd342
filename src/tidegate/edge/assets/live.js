// Keeps an open page fresh: listens for changes, asks for its contents again, says when it cannot, and lets no old
// number look new. The contract with the server: `#main[data-live]` answers the event `tg:refresh`; its `data-topics` are
// what `/events` is asked for; `#contents[data-now]` holds the server's time; elements with `data-verdict` and
// `data-title` are announced when their verdict changes.

const HEARD_MS = 5000; // while the stream tells of changes: windows move on and times age without one
const ASKING_MS = 1500; // while there is no stream yet: a change is to be seen within 2 s
const POLLING_MS = 15000; // when streams do not come through here
const HIDDEN_MS = 60000; // a hidden tab holds no stream; its title still says the verdict
const BETWEEN_MS = 1000; // however fast changes come
const SILENT_MS = 25000; // two heartbeats: a stream that is dead and does not know it
const RETRIES_S = [2, 4, 8, 15];
const TOLD_AFTER_FAILURES = 2; // one lost answer is a hiccup, two are news
const STREAMS_GIVEN_UP = 3;
const STREAM_AGAIN_MS = 60000;
const ZONE = "tidegate-zone";

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
zones();
if (main?.hasAttribute("data-live")) start(main);

/** @param {HTMLElement} main */
function start(main) {
  const sign = document.getElementById("connection");
  const spoken = document.getElementById("announcements");
  let failures = 0;
  let timer = 0;
  let askedAt = 0;
  let receivedAt = performance.now();
  let verdicts = verdictsOf(main);

  const stream = listen(main.dataset.topics, {
    changed: () => plan(Math.max(0, askedAt + BETWEEN_MS - performance.now())),
    ended: refresh,
  });

  sign.hidden = false;
  show("live", "Live");
  plan(ASKING_MS);

  function refresh() {
    clearTimeout(timer);
    askedAt = performance.now();
    main.dispatchEvent(new CustomEvent("tg:refresh"));
    plan(document.hidden ? HIDDEN_MS : ASKING_MS * 4); // in case no answer of any kind comes back
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
    show("live", stream.state() === "none" ? "Live, every 15 s" : "Live");
    announce();
    writeZone();
    plan(document.hidden ? HIDDEN_MS : { open: HEARD_MS, trying: ASKING_MS, none: POLLING_MS }[stream.state()]);
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
    if (document.hidden) return stream.close();
    stream.open();
    refresh();
  });
  // Between answers nothing runs; only when answers stay away do the times move on by themselves.
  setInterval(() => { if (failures) age(); }, 1000);
}

/**
 * One stream of `/events` for this tab. It begins where the last one ended; three failures in a row and the page polls.
 * @param {string} topics
 * @param {{changed: () => void, ended: () => void}} on
 */
function listen(topics, on) {
  let source = null;
  let isOpen = false;
  let failures = 0;
  let last = "";
  let timer = 0;

  function open() {
    close();
    if (document.hidden) return;
    const began = last !== "";
    source = new EventSource(`/events?topics=${encodeURIComponent(topics)}&last_event_id=${encodeURIComponent(last)}`);
    source.onopen = () => {
      isOpen = true;
      failures = 0;
      heard();
      if (!began) on.changed(); // between the page and its first stream something may have changed
    };
    source.addEventListener("change", (event) => {
      last = event.lastEventId;
      heard();
      on.changed();
    });
    source.addEventListener("still", heard);
    source.addEventListener("ended", () => {
      close();
      on.ended();
      // Only the secret may have changed, by a proof given in another tab: then the page stays, and listens again.
      timer = setTimeout(open, STREAM_AGAIN_MS);
    });
    source.onerror = lost;
  }

  function heard() {
    clearTimeout(timer);
    timer = setTimeout(lost, SILENT_MS);
  }

  function lost() {
    close();
    failures += 1;
    const isGivenUp = failures >= STREAMS_GIVEN_UP;
    timer = setTimeout(open, isGivenUp ? STREAM_AGAIN_MS : RETRIES_S[failures - 1] * 1000);
    if (!isGivenUp) on.changed();
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
    isOpen = false;
  }

  open();
  return {
    open: () => { failures = 0; open(); },
    close,
    state: () => (isOpen ? "open" : failures >= STREAMS_GIVEN_UP ? "none" : "trying"),
  };
}

/** The switch between UTC and the zone of this browser; the server always writes UTC. */
function zones() {
  const place = document.getElementById("zones");
  if (!place) return;
  place.hidden = false;
  for (const button of place.querySelectorAll("[data-zone]")) {
    button.addEventListener("click", () => {
      localStorage.setItem(ZONE, button.dataset.zone);
      writeZone();
      document.dispatchEvent(new CustomEvent("tg:zone"));
    });
  }
  writeZone();
}

function writeZone() {
  const zone = localStorage.getItem(ZONE) === "local" ? "local" : "utc";
  for (const button of document.querySelectorAll("[data-zone]")) {
    button.setAttribute("aria-pressed", String(button.dataset.zone === zone));
  }
  const said = document.getElementById("zone");
  const words = zone === "utc" ? "Times are UTC" : `Times are ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  if (said && said.textContent !== words) said.textContent = words;
  if (zone === "utc" && !document.querySelector("time[data-utc]")) return;
  for (const time of document.querySelectorAll("#main time:not([data-relative])")) {
    time.dataset.utc ??= time.textContent;
    const local = new Date(time.dateTime).toLocaleString("sv"); // 2026-02-07 15:02:11, as the server writes
    const written = zone === "local" ? local : time.dataset.utc;
    if (time.textContent !== written) time.textContent = written;
  }
}

/**
 * @param {HTMLElement} main
 * @returns {Map<string, {title: string, verdict: string}>}
 */
function verdictsOf(main) {
  const marked = [...main.querySelectorAll("[data-verdict]")];
  return new Map(marked.map((element) => [element.id, { title: element.dataset.title, verdict: element.dataset.verdict }]));
}
