// <tg-waterfall>: the nested list of spans that the server sent becomes a treegrid of which only what is seen exists.
// The contract with the server: `data-trace`, `data-count` (of all spans), `data-errors` (positions) on the element;
// rows are `.span-row` with `data-position`, `-depth`, `-children`, `-below` and `-span`, in the list as in
// `/traces/{id}/rows?from=`; `/traces/{id}/spans/{span}` is what the panel `#span` shows. Without script the list stays.

const ROW_PX = 30; // the height in trace.css
const CHUNK = 200; // rows of one answer, ROWS in telemetry/traces/pages.py
const AROUND = 12; // rows kept above and below what is seen
const SHARE = 0.7; // of the window's height
const FRAGMENT = { headers: { "hx-request-type": "partial" }, credentials: "same-origin" };

class Waterfall extends HTMLElement {
  /** @type {Map<number, HTMLElement>} rows by position */
  #rows = new Map();
  /** @type {Set<number>} positions whose children are hidden */
  #closed = new Set();
  /** @type {number[]} positions that are shown, in order */
  #shown = [];
  /** @type {Set<number>} chunks that were asked for */
  #asked = new Set();
  #active = 0;
  #selected = "";
  /** @type {HTMLElement} */
  #grid;
  /** @type {HTMLElement} */
  #canvas;
  /** @type {AbortController | null} */
  #loading = null;
  #drawn = 0;

  connectedCallback() {
    const first = this.querySelector(".span-row");
    // A page of the list that begins later is left as it is: it was asked for by somebody without script.
    if (!first || this.#grid || this.dataset.start !== "0") return;
    this.#selected = this.dataset.selected ?? "";
    this.#build();
    this.#take(this);
    this.querySelector(".spans")?.remove();
    this.querySelector(".pager")?.remove();
    this.#count();
    const chosen = [...this.#rows].find(([, row]) => row.dataset.span === this.#selected);
    this.#active = chosen ? chosen[0] : 0;
    this.#draw();
  }

  get #total() {
    return Number(this.dataset.count);
  }

  #build() {
    this.#grid = document.createElement("div");
    this.#grid.setAttribute("role", "treegrid");
    this.#grid.setAttribute("aria-label", "Spans");
    this.#grid.setAttribute("aria-rowcount", String(this.#total));
    this.#grid.setAttribute("aria-colcount", "3");
    this.#canvas = document.createElement("div");
    this.#canvas.setAttribute("role", "rowgroup");
    this.#grid.append(this.#canvas);
    this.append(this.#tools(), this.#grid);
    this.#grid.addEventListener("scroll", () => this.#plan(), { passive: true });
    this.#grid.addEventListener("keydown", (event) => this.#onKey(event));
    this.#grid.addEventListener("click", (event) => this.#onClick(event));
    addEventListener("resize", () => this.#plan());
  }

  #tools() {
    const tools = document.createElement("p");
    tools.className = "tools";
    const errors = (this.dataset.errors ?? "").split(" ").filter(Boolean).map(Number);
    if (errors.length) {
      const next = document.createElement("button");
      next.type = "button";
      next.textContent = "Next failed span";
      next.addEventListener("click", () => {
        this.#reveal(errors.find((position) => position > this.#active) ?? errors[0]);
      });
      tools.append(next);
    }
    return tools;
  }

  /**
   * Takes the rows out of a list that the server sent.
   * @param {ParentNode} list
   */
  #take(list) {
    for (const row of list.querySelectorAll(".span-row")) this.#adopt(/** @type {HTMLElement} */ (row));
  }

  /** @param {HTMLElement} row */
  #adopt(row) {
    const position = Number(row.dataset.position);
    if (this.#rows.has(position)) return;
    row.remove();
    row.setAttribute("role", "row");
    row.setAttribute("aria-level", String(Number(row.dataset.depth) + 1));
    row.setAttribute("aria-rowindex", String(position + 1));
    row.tabIndex = -1;
    for (const cell of row.children) cell.setAttribute("role", "gridcell");
    row.querySelector("a").tabIndex = -1;
    const twist = document.createElement("button");
    twist.type = "button";
    twist.className = "twist";
    twist.tabIndex = -1;
    twist.setAttribute("aria-hidden", "true");
    row.querySelector(".indent").after(twist);
    this.#rows.set(position, row);
  }

  /** Works out which positions are shown: what stands below a closed row follows it directly. */
  #count() {
    this.#shown = [];
    for (let position = 0; position < this.#total; ) {
      this.#shown.push(position);
      position += 1 + (this.#closed.has(position) ? Number(this.#rows.get(position).dataset.below) : 0);
    }
    this.#canvas.style.height = `${this.#shown.length * ROW_PX}px`;
  }

  #plan() {
    cancelAnimationFrame(this.#drawn);
    this.#drawn = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#grid.style.maxHeight = `${Math.round(innerHeight * SHARE)}px`;
    const first = Math.max(0, Math.floor(this.#grid.scrollTop / ROW_PX) - AROUND);
    const last = Math.min(this.#shown.length, first + Math.ceil(this.#grid.clientHeight / ROW_PX) + 2 * AROUND);
    const wanted = new Map();
    for (let index = first; index < last; index++) wanted.set(this.#shown[index], index);
    // The active row stays, wherever it is: a row that goes would take the focus with it.
    wanted.set(this.#active, this.#indexOf(this.#active));
    for (const row of [...this.#canvas.children]) {
      if (!wanted.has(Number(/** @type {HTMLElement} */ (row).dataset.position))) row.remove();
    }
    /** @type {Element | null} */
    let before = null;
    for (const [position, index] of [...wanted].sort(([one], [other]) => other - one)) {
      const row = this.#rows.get(position);
      if (!row) {
        this.#ask(Math.floor(position / CHUNK));
        continue;
      }
      this.#dress(row, position, index);
      if (row.parentElement !== this.#canvas || row.nextElementSibling !== before) this.#canvas.insertBefore(row, before);
      before = row;
    }
  }

  /**
   * @param {HTMLElement} row
   * @param {number} position
   * @param {number} index
   */
  #dress(row, position, index) {
    row.style.transform = `translateY(${index * ROW_PX}px)`;
    row.tabIndex = position === this.#active ? 0 : -1;
    row.setAttribute("aria-selected", String(row.dataset.span === this.#selected));
    const twist = row.querySelector(".twist");
    if (row.dataset.children === "0") return;
    const isOpen = !this.#closed.has(position);
    row.setAttribute("aria-expanded", String(isOpen));
    twist.textContent = isOpen ? "▾" : "▸";
  }

  /** @param {number} chunk */
  async #ask(chunk) {
    if (this.#asked.has(chunk)) return;
    this.#asked.add(chunk);
    try {
      const answer = await fetch(`/traces/${this.dataset.trace}/rows?from=${chunk * CHUNK}`, FRAGMENT);
      if (!answer.ok) throw new Error(String(answer.status));
      this.#take(parsed(await answer.text()));
      this.#draw();
    } catch {
      setTimeout(() => this.#asked.delete(chunk), 2000); // asked for again when it is drawn again
      say("Some spans could not be loaded. Scroll to try again.");
    }
  }

  /** @param {number} position */
  #indexOf(position) {
    let low = 0;
    let high = this.#shown.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#shown[middle] <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /**
   * Opens what hides `position`, scrolls to it and gives it the focus.
   * @param {number} position
   */
  async #reveal(position) {
    for (const closed of this.#closed) {
      if (closed < position && position <= closed + Number(this.#rows.get(closed).dataset.below)) this.#closed.delete(closed);
    }
    this.#count();
    if (!this.#rows.has(position)) await this.#ask(Math.floor(position / CHUNK));
    this.#focus(this.#indexOf(position));
  }

  /** @param {number} index */
  #focus(index) {
    const at = Math.min(Math.max(index, 0), this.#shown.length - 1);
    const [top, view] = [at * ROW_PX, this.#grid.clientHeight];
    if (top < this.#grid.scrollTop) this.#grid.scrollTop = top;
    if (top + ROW_PX > this.#grid.scrollTop + view) this.#grid.scrollTop = top + ROW_PX - view;
    if (!this.#rows.has(this.#shown[at])) {
      this.#ask(Math.floor(this.#shown[at] / CHUNK)).then(() => this.#rows.has(this.#shown[at]) && this.#focus(at));
      return;
    }
    this.#active = this.#shown[at];
    this.#draw();
    this.#rows.get(this.#active)?.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.#indexOf(this.#active);
    const page = Math.max(1, Math.floor(this.#grid.clientHeight / ROW_PX) - 1);
    const moves = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: this.#shown.length - 1 };
    if (event.key in moves) this.#focus(moves[event.key]);
    else if (event.key === "ArrowRight") this.#open(index);
    else if (event.key === "ArrowLeft") this.#close(index);
    else if (event.key === "Enter" || event.key === " ") this.#select(this.#active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} index */
  #open(index) {
    const row = this.#rows.get(this.#active);
    if (row.dataset.children === "0") return;
    if (this.#closed.has(this.#active)) this.#toggle(this.#active);
    else this.#focus(index + 1);
  }

  /** @param {number} index */
  #close(index) {
    const row = this.#rows.get(this.#active);
    if (row.dataset.children !== "0" && !this.#closed.has(this.#active)) {
      this.#toggle(this.#active);
      return;
    }
    for (let above = index - 1; above >= 0; above--) {
      const one = this.#rows.get(this.#shown[above]);
      if (one && Number(one.dataset.depth) < Number(row.dataset.depth)) {
        this.#focus(above);
        return;
      }
    }
  }

  /** @param {number} position */
  #toggle(position) {
    if (!this.#closed.delete(position)) this.#closed.add(position);
    this.#count();
    this.#draw();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const target = /** @type {Element} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest(".span-row"));
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#active = Number(row.dataset.position);
    if (target.closest(".twist") && row.dataset.children !== "0") this.#toggle(this.#active);
    else this.#select(this.#active);
    row.focus({ preventScroll: true });
  }

  /** @param {number} position */
  async #select(position) {
    const row = this.#rows.get(position);
    const panel = document.getElementById("span");
    this.#selected = row.dataset.span;
    this.#draw();
    history.replaceState(null, "", `/traces/${this.dataset.trace}?span=${this.#selected}`);
    this.#loading?.abort();
    this.#loading = new AbortController();
    try {
      const path = `/traces/${this.dataset.trace}/spans/${this.#selected}`;
      const answer = await fetch(path, { ...FRAGMENT, signal: this.#loading.signal });
      const contents = parsed(await answer.text());
      panel.replaceChildren(...(contents.querySelector(".span-contents") ?? contents).childNodes);
      say(answer.ok ? `Span ${row.querySelector("a").textContent} is shown beside the list.` : "The span could not be read.");
    } catch (error) {
      if (error.name !== "AbortError") say("The span could not be loaded. Press Enter to try again.");
    }
  }
}

/**
 * Returns the contents of a page that the server rendered; everything in it was escaped there.
 * @param {string} html
 * @returns {Element}
 */
function parsed(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  return page.getElementById("contents") ?? page.body;
}

/** @param {string} words */
function say(words) {
  document.getElementById("announcements").textContent = words;
}

customElements.define("tg-waterfall", Waterfall);
