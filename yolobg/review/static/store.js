// What there is and what has been decided, as the server says; nothing is decided here.

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(`api/${path}`, { ...options, cache: "no-store", credentials: "same-origin", priority: "high" });
  } catch {
    throw new Error("The server does not answer. Start “yolobg review” again in the terminal; your decisions are kept.");
  }
  const json = response.headers.get("Content-Type")?.startsWith("application/json");
  const told = json ? await response.json() : { error: await response.text() };
  if (!response.ok) throw new Error(told.error ?? `The server answered ${response.status}.`);
  return told;
}

export class Store {
  constructor() {
    this.items = new Map();
    this.looked = new Set();
    this.rejected = new Map();
    this.version = -1;
    this.generation = -1;
    this.canUndo = false;
    this.stage = null;
    this.unfinished = false;
    this.outcome = null;
    this.ended = false;
    this.queue = Promise.resolve();
  }

  // Everything again: at the start, and when images have come or gone.
  async load() {
    const told = await ask("everything");
    this.dataset = told.dataset;
    this.proposed = told.proposed;
    this.byModel = told.by_model;
    this.reasons = told.reasons;
    this.items = new Map(told.items.map((item) => [item.number, item]));
    this.take(told);
  }

  // Returns the numbers of the images whose state is another one now.
  take(told) {
    if (told.stage !== undefined) this.stage = told.stage;
    if (told.outcome !== undefined) this.outcome = told.outcome;
    if (told.looked === undefined) return new Set();
    const looked = new Set(told.looked);
    const rejected = new Map(Object.entries(told.rejected).map(([number, why]) => [Number(number), why]));
    const changed = new Set();
    for (const number of this.items.keys()) {
      const same = this.looked.has(number) === looked.has(number) && this.rejected.get(number) === rejected.get(number);
      if (!same) changed.add(number);
    }
    this.looked = looked;
    this.rejected = rejected;
    this.version = told.version;
    this.canUndo = told.can_undo;
    this.unfinished = told.unfinished;
    this.stale = this.generation !== told.generation;
    this.generation = told.generation;
    return changed;
  }

  // One action after the other, so that answers come in the order of the keys.
  send(path, body) {
    const sent = this.queue.then(() => ask(path, body));
    this.queue = sent.catch(() => undefined);
    return sent;
  }

  act(kind, numbers, reason = "") { return this.send("act", { kind, numbers, reason }); }
  undo() { return this.send("undo", {}); }
  apply(replace, generation) { return this.send("apply", { replace, generation }); }
  end() { return this.send("end", {}); }
  changes() { return ask(`changes?since=${this.version}`); }

  marked() { return ask("marked"); }

  // The rejected images that yolobg added, which an apply takes out, or those of the user, which it never touches.
  rejectedOf(ours) { return [...this.rejected.keys()].filter((number) => this.items.get(number)?.ours === ours); }

  state(number) {
    if (this.rejected.has(number)) return "rejected";
    return this.looked.has(number) ? "looked" : "left";
  }
}
