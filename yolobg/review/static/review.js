import { Store } from "./store.js";
import { STATES, date, el, facts, inParts, licence, makeCard, paint, shows, source } from "./cards.js";

const PAGE = 20;
const FIRST = 2;
const POLL_MS = 1500;

const store = new Store();
const $ = (id) => document.getElementById(id);
const cards = new Map();
let shown = [];
let current = null;
let building = 0;

// ---------------------------------------------------------------- telling

function say(text) { $("spoken").textContent = text; }

function notice(text, good = false) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  $("notice").classList.toggle("good", good);
}

function count() {
  const all = store.items.size;
  const looked = store.looked.size;
  $("count-looked").textContent = looked.toLocaleString("en");
  $("count-rejected").textContent = store.rejected.size.toLocaleString("en");
  $("count-left").textContent = (all - looked).toLocaleString("en");
  $("far").max = Math.max(all, 1);
  $("far").value = looked;
  $("undo").disabled = !store.canUndo;
  $("apply").disabled = store.proposed ? all === 0 : store.rejectedOf(true).length === 0;
  $("save").disabled = store.rejectedOf(false).length === 0;
}

function repaint(numbers) {
  for (const number of numbers) {
    const card = cards.get(number);
    if (card) paint(card, store.items.get(number), store.state(number), store.rejected.get(number));
  }
  const pages = new Set([...numbers].map((number) => cards.get(number)?.closest(".page")).filter(Boolean));
  pages.forEach(paintPage);
  if ($("large").open && current !== null && numbers.has(current)) showLarge();
  count();
}

function paintPage(page) {
  const numbers = [...page.querySelectorAll(".card")].map((card) => Number(card.dataset.number));
  page.classList.toggle("done", numbers.every((number) => store.state(number) !== "left"));
}

// ---------------------------------------------------------------- the images

function words(item) {
  return [item.title, item.image, item.split, licence(item), item.added, ...(item.contains ?? []), ...item.captions].join(" ").toLowerCase();
}

function matches(item) {
  const wanted = $("words").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const contains = $("filter-contains").value;
  const state = $("filter-state").value;
  return (!contains || (contains === "-" ? item.contains?.length === 0 : item.contains?.includes(contains)))
    && (!$("filter-license").value || licence(item) === $("filter-license").value)
    && (!$("filter-added").value || (item.ours ? date(item) : "yours") === $("filter-added").value)
    && (!state || (state === "new" ? item.new : state === "looked" ? store.looked.has(item.number) : store.state(item.number) === state))
    && (!wanted.length || ((text) => wanted.every((word) => text.includes(word)))(item.words ??= words(item)));
}

function ordered(items) {
  const by = {
    doubt: (a, b) => b.new - a.new || b.doubt - a.doubt || (b.contains?.length ?? -1) - (a.contains?.length ?? -1) || a.number - b.number,
    added: (a, b) => (a.added < b.added ? -1 : a.added > b.added ? 1 : a.number - b.number),
    name: (a, b) => a.title.localeCompare(b.title, "en", { numeric: true }),
  };
  return items.sort(by[$("order").value]);
}

function cardOf(number) {
  if (!cards.has(number)) {
    const item = store.items.get(number);
    const card = makeCard(item);
    paint(card, item, store.state(number), store.rejected.get(number));
    cards.set(number, card);
  }
  return cards.get(number);
}

function makePage(place, total) {
  const numbers = shown.slice(place * PAGE, (place + 1) * PAGE);
  const first = place * PAGE + 1;
  const name = `Page ${place + 1} of ${total}`;
  const accept = el("button", { type: "button", className: "accept" }, "Accept page ", el("kbd", {}, "a"));
  const page = el("section", { className: "page", "aria-label": name },
    el("div", { className: "page-head" }, el("h2", {}, `${name} · ${first}–${first + numbers.length - 1}`), accept),
    el("ul", { className: "grid" }, ...numbers.map(cardOf)));
  paintPage(page);
  return page;
}

// The first pages at once, the others while nobody waits, so that a thousand images do not hold up the first look.
function arrange(keep = current) {
  shown = ordered([...store.items.values()].filter(matches)).map((item) => item.number);
  const total = Math.ceil(shown.length / PAGE);
  const wanted = shown.indexOf(keep);
  const run = ++building;
  let place = 0;
  const some = (to) => {
    const pages = [];
    for (; place < Math.min(to, total); place++) pages.push(makePage(place, total));
    return pages;
  };
  $("pages").replaceChildren(...some(Math.max(FIRST, Math.floor(wanted / PAGE) + 1)));
  if (!total) {
    $("pages").append(el("p", { className: "empty" }, store.items.size ? "No image passes the filter." : "No background image is left."));
  }
  const more = () => {
    if (run !== building || place >= total) return;
    $("pages").append(...some(place + 2));
    setTimeout(more, 0);
  };
  setTimeout(more, 0);
  current = null;
  if (shown.length) makeCurrent(wanted >= 0 ? keep : shown[0], { focus: false });
}

function makeCurrent(number, { focus = true } = {}) {
  for (const part of cards.get(current)?.querySelectorAll("button") ?? []) part.tabIndex = -1;
  current = number;
  const card = cards.get(number);
  if (!card) return;
  for (const part of card.querySelectorAll("button")) part.tabIndex = 0;
  if (focus && !$("large").open) {
    card.querySelector(".open").focus({ preventScroll: true });
    bringIntoView(card);
  }
}

// The header stays on top, so what the browser calls visible may lie behind it.
function bringIntoView(card) {
  const sticky = getComputedStyle(document.querySelector("header")).position === "sticky";
  const top = sticky ? document.querySelector("header").offsetHeight + 12 : 12;
  const box = card.getBoundingClientRect();
  if (box.top < top) window.scrollBy(0, box.top - top);
  else if (box.bottom > innerHeight - 12) window.scrollBy(0, Math.min(box.bottom - innerHeight + 12, box.top - top));
}

function columns() {
  const grid = cards.get(current)?.parentElement;
  return grid ? getComputedStyle(grid).gridTemplateColumns.split(" ").length : 1;
}

function below(step) {
  const wide = columns();
  const at = shown.indexOf(current);
  const start = Math.floor(at / PAGE) * PAGE;
  const size = Math.min(PAGE, shown.length - start);
  const column = (at - start) % wide;
  const row = Math.floor((at - start) / wide) + step;
  const rows = Math.ceil(size / wide);
  if (row >= 0 && row < rows) return Math.min(start + row * wide + column, start + size - 1);
  if (row >= rows) return start + PAGE < shown.length ? Math.min(start + PAGE + column, shown.length - 1) : at + (at === shown.length - 1);
  if (start === 0) return at;
  const last = Math.floor((PAGE - 1) / wide) * wide;
  return start - PAGE + Math.min(last + column, PAGE - 1);
}

function go(place) {
  if (!shown.length) return;
  const left = current;
  const number = shown[Math.max(0, Math.min(place, shown.length - 1))];
  if (number === left) {
    // There is no next image to move to, so going on at the last one is how a person leaves it.
    if (place >= shown.length && store.state(left) === "left") act("look", [left]);
    return;
  }
  if (left !== null && store.state(left) === "left") act("look", [left]);
  if (!cards.has(number) || !cards.get(number).isConnected) finishBuilding();
  makeCurrent(number);
  if ($("large").open) showLarge();
}

function finishBuilding() {
  const total = Math.ceil(shown.length / PAGE);
  building++;
  for (let place = $("pages").querySelectorAll(".page").length; place < total; place++) $("pages").append(makePage(place, total));
}

// ---------------------------------------------------------------- actions

async function act(kind, numbers, reason) {
  try {
    repaint(store.take(await store.act(kind, numbers, reason)));
    notice("");
    await reloadIfStale();
    return true;
  } catch (error) {
    notice(error.message);
    return false;
  }
}

async function toggle(number) {
  const item = store.items.get(number);
  if (!item) return;
  const rejected = store.rejected.has(number);
  if (await act(rejected ? "keep" : "reject", [number], rejected ? "" : $("reason").value)) {
    say(`${item.title} ${rejected ? "kept" : "rejected"}. ${store.rejected.size} rejected, ${store.items.size - store.looked.size} left.`);
  }
}

async function undo() {
  try {
    const told = await store.undo();
    repaint(store.take(told));
    const about = told.about.filter((number) => shown.includes(number));
    if (about.length && cards.has(about[0])) makeCurrent(about[0]);
    say(told.about.length ? `Undone for ${told.about.length === 1 ? "one image" : `${told.about.length} images`}.` : "Nothing to undo.");
  } catch (error) {
    notice(error.message);
  }
}

async function acceptPage(page) {
  const numbers = [...page.querySelectorAll(".card")].map((card) => Number(card.dataset.number));
  if (!(await act("accept", numbers))) return;
  say(`Page accepted. ${store.items.size - store.looked.size} left.`);
  const after = shown.indexOf(numbers.at(-1)) + 1;
  if (after < shown.length) {
    if (!cards.get(shown[after])?.isConnected) finishBuilding();
    makeCurrent(shown[after], { focus: false });
    const header = document.querySelector("header");
    const top = getComputedStyle(header).position === "sticky" ? header.offsetHeight : 0;
    window.scrollBy(0, cards.get(current).closest(".page").getBoundingClientRect().top - top);
    cards.get(current).querySelector(".open").focus({ preventScroll: true });
  }
}

// ---------------------------------------------------------------- dialogs

function showLarge() {
  const item = store.items.get(current);
  if (!item) return;
  const state = store.state(current);
  $("large-title").textContent = item.title;
  $("large-state").textContent = state === "rejected" ? `rejected: ${store.rejected.get(current)}` : STATES[state];
  $("large-state").classList.toggle("rejected", state === "rejected");
  const address = source(item, "large");
  if ($("large-image").getAttribute("src") !== address) $("large-image").src = address;
  $("large-image").alt = `${item.title}: ${shows(item)}`;
  $("large-facts").replaceChildren(...facts(item));
  $("large-captions").replaceChildren(...item.captions.map((caption) => el("li", {}, caption)));
  $("large-captions-head").hidden = !item.captions.length;
  $("large-reject").setAttribute("aria-pressed", String(state === "rejected"));
  if (!$("large").open) {
    $("large").showModal();
    $("large-next").focus();
  }
  const next = shown[shown.indexOf(current) + 1];
  if (next !== undefined) new Image().src = source(store.items.get(next), "large");
}

function plural(number, one, many = `${one}s`) { return `${number.toLocaleString("en")} ${number === 1 ? one : many}`; }

// What the person agrees to is what the page shows when the question is asked.
let asked = null;

function applyWords() {
  const ours = store.rejectedOf(true).length;
  if (store.proposed) {
    const left = [...store.items.keys()].filter((number) => store.state(number) === "left").length;
    return [
      `${plural(store.items.size - ours, "image")} will come into the dataset.`,
      ours ? `${plural(ours, "rejected image")} will not, and no later run picks ${ours === 1 ? "it" : "them"}.` : "None is rejected.",
      left ? `You have not looked at ${left.toLocaleString("en")} of them yet.` : "",
    ];
  }
  const mine = store.rejectedOf(false).length;
  return [
    `${plural(ours, "image")} that yolobg added will be removed and remembered, so that no later run picks them again.`,
    "The next candidates replace them, so the number stays exact.",
    mine ? `${plural(mine, "rejected image")} of yours will stay; “Save list” saves their paths.` : "",
  ];
}

function openApply(error = "") {
  asked = store.generation;
  $("apply-text").textContent = applyWords().filter(Boolean).join(" ");
  const kept = store.items.size - store.rejectedOf(true).length;
  $("apply-yes").textContent = !store.proposed ? "Remove and replace" : kept ? `Add ${plural(kept, "image")}` : "Reject all";
  $("apply-stage").textContent = error;
  $("apply-notes").replaceChildren();
  $("apply-progress").hidden = true;
  for (const id of ["apply-yes", "apply-plain", "apply-no"]) $(id).hidden = false;
  $("apply-no").textContent = "Cancel";
  $("apply-plain").hidden = !error || store.proposed;
  if (!$("apply-dialog").open) $("apply-dialog").showModal();
  $("apply-no").focus();
}

async function startApply(replace) {
  try {
    await store.apply(replace, asked);
    store.stage = ["prepare", 0, null];
    store.outcome = null;
    store.waiting = true;
    paintStage();
    poll();
  } catch (error) {
    openApply(error.message);
  }
}

const STAGES = { prepare: "Getting ready", scan: "Looking at the split", catalog: "Querying the source", fetch: "Fetching replacements", report: "Writing the report" };

function paintStage() {
  const [stage, done, total] = store.stage;
  for (const id of ["apply-yes", "apply-plain", "apply-no"]) $(id).hidden = true;
  $("apply-progress").hidden = false;
  if (total) {
    $("apply-progress").max = total;
    $("apply-progress").value = done;
  } else $("apply-progress").removeAttribute("value");
  $("apply-stage").textContent = `${STAGES[stage] ?? stage} …`;
  if (!$("apply-dialog").open) $("apply-dialog").showModal();
}

async function applied(outcome) {
  store.waiting = false;
  await store.load();
  cards.clear();
  fill();
  arrange(null);
  count();
  if (outcome.error) {
    openApply(outcome.error);
    return;
  }
  $("apply-dialog").close();
  if (outcome.told) {
    notice([`Applied: ${outcome.told}`, ...outcome.warnings].join(" "), !outcome.warnings.length);
    showNotice();
    return;
  }
  const parts = [];
  if (outcome.removed) parts.push(`${plural(outcome.removed, "image")} removed`);
  parts.push(outcome.added ? `${plural(outcome.added, "new one")} added: look at ${outcome.added === 1 ? "it" : "them"} too` : "none added");
  notice([`Applied: ${parts.join(", ")}.`, ...outcome.kept.map((one) => `Kept ${one.image}: ${one.reason}.`), ...outcome.warnings].join(" "), !outcome.kept.length && !outcome.warnings.length);
  const fresh = [...store.items.values()].filter((item) => item.new).length;
  if (fresh) {
    const show = el("button", { type: "button", id: "show-new" }, `Show only ${fresh === 1 ? "the new image" : `the ${plural(fresh, "new image")}`}`);
    show.addEventListener("click", showNew);
    $("notice").append(" ", show);
  }
  showNotice();
}

// The page may be scrolled far down, and the notice is above the first image.
function showNotice() {
  if (current !== null) makeCurrent(current);
  window.scrollTo(0, 0);
}

function showNew() {
  $("filters").reset();
  $("filter-state").value = "new";
  fit();
  arrange(null);
  notice("");
  say(`${plural(shown.length, "new image")}.`);
  if (current !== null) makeCurrent(current);
}

// ---------------------------------------------------------------- the user's own

async function saveList() {
  try {
    const { text, left_out: leftOut } = await store.marked();
    const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    el("a", { href: address, download: "rejected-backgrounds.txt" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    notice(leftOut ? `${plural(leftOut, "path")} left out: a text file cannot hold the name.` : "");
    say(`List of ${plural(store.rejectedOf(false).length - leftOut, "path")} saved.`);
  } catch (error) {
    notice(error.message);
  }
}

// ---------------------------------------------------------------- the end

async function end() {
  // What is still on its way would fail once the server is gone, and nobody looks at it any more.
  store.ended = true;
  building++;
  window.stop();
  $("pages").replaceChildren();
  try {
    await store.end();
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    document.querySelector("header").hidden = true;
    notice("");
    $("pages").replaceChildren(el("p", { className: "empty" }, "The review has ended and your decisions are kept. You can close this tab."));
    $("pages").focus();
  } catch (error) {
    store.ended = false;
    cards.clear();
    arrange();
    $("end-dialog").close();
    notice(error.message);
    timer = setTimeout(poll, POLL_MS);
  }
}

// ---------------------------------------------------------------- keeping up

async function reloadIfStale() {
  if (!store.stale) return;
  await store.load();
  store.stale = false;
  cards.clear();
  fill();
  arrange();
  count();
}

let timer;
async function poll() {
  clearTimeout(timer);
  if (store.ended) return;
  try {
    const busy = store.stage !== null || store.waiting;
    const told = await store.changes();
    const changed = store.take(told);
    if (store.stage) {
      store.waiting = true;
      paintStage();
    } else if (busy && store.outcome) await applied(store.outcome);
    else if (store.stale) await reloadIfStale();
    else if (changed.size) repaint(changed);
    if (lost) {
      lost = false;
      notice("");
    }
  } catch (error) {
    if (store.ended) return;
    lost = true;
    notice(error.message);
  }
  if (store.ended) return;
  timer = setTimeout(poll, document.hidden ? POLL_MS * 4 : POLL_MS / (store.stage ? 3 : 1));
}
let lost = false;

function options(select, values) {
  const kept = select.value;
  select.length = 1;
  for (const [value, text] of values) select.add(new Option(text, value));
  select.value = values.some(([value]) => value === kept) ? kept : "";
}

function tally(values) {
  const found = new Map();
  for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
  return [...found].sort(([a], [b]) => a.localeCompare(b, "en")).map(([value, n]) => [value, `${value} (${n})`]);
}

function fill() {
  const items = [...store.items.values()];
  $("about").textContent = store.proposed ? "Proposed for" : "Backgrounds of";
  $("dataset").replaceChildren(...inParts(store.dataset));
  document.title = `Review of ${store.dataset}`;
  $("end-waits").hidden = !store.proposed;
  $("task-model").hidden = !(store.proposed && store.byModel);
  $("task-unchecked").hidden = !store.proposed || store.byModel;
  const nothing = items.filter((item) => item.contains?.length === 0).length;
  options($("filter-contains"), [...tally(items.flatMap((item) => item.contains ?? [])), ...(nothing ? [["-", `no annotated object (${nothing})`]] : [])]);
  options($("filter-license"), tally(items.filter((item) => item.ours).map(licence)));
  options($("filter-added"), tally(items.map((item) => (item.ours ? date(item) : "yours"))));
  $("filter-new").hidden = !items.some((item) => item.new);
  if (!$("reason").length) for (const { code, text } of store.reasons) $("reason").add(new Option(text, code));
  fit();
}

// A choice that is wider than the window is written whole below it.
function fit() {
  for (const select of document.querySelectorAll("#filters select")) {
    const room = select.offsetWidth;
    select.classList.add("free");
    const cut = select.offsetWidth > room;
    select.classList.remove("free");
    const below = select.nextElementSibling ?? select.parentElement.appendChild(el("span", { className: "whole", "aria-hidden": "true" }));
    below.replaceChildren(...(cut ? inParts(select.selectedOptions[0].text) : []));
  }
}

// ---------------------------------------------------------------- keys and clicks

const KEYS = {
  ArrowRight: () => go(shown.indexOf(current) + 1),
  ArrowLeft: () => go(shown.indexOf(current) - 1),
  ArrowDown: () => go($("large").open ? shown.indexOf(current) + 1 : below(1)),
  ArrowUp: () => go($("large").open ? shown.indexOf(current) - 1 : below(-1)),
  Home: () => go(0),
  End: () => go(shown.length - 1),
  x: () => toggle(current),
  u: undo,
  a: () => $("large").open || !cards.has(current) || acceptPage(cards.get(current).closest(".page")),
  p: () => $("large").open || $("apply").disabled || openApply(),
  "/": () => $("large").open || $("words").focus(),
  "?": () => $("large").open || $("help-dialog").showModal(),
  q: () => $("large").open || $("end-dialog").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || store.ended) return;
  if (document.querySelector("dialog[open]:not(#large)")) return;
  const field = event.target.closest?.("input, select");
  if (field) {
    if (event.key === "Escape" || (event.key === "Enter" && field.id === "words")) {
      event.preventDefault();
      if (current !== null) makeCurrent(current);
    }
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!Object.hasOwn(KEYS, key)) return;
  event.preventDefault();
  KEYS[key]();
});

$("pages").addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (event.target.closest(".accept")) acceptPage(event.target.closest(".page"));
  else if (card) {
    const number = Number(card.dataset.number);
    if (current !== number) go(shown.indexOf(number));
    if (event.target.closest(".reject")) toggle(number);
    else if (event.target.closest(".open")) showLarge();
  }
});

// Tab brings the focus to a card without an arrow key.
$("pages").addEventListener("focusin", (event) => {
  const card = event.target.closest(".card");
  if (card && Number(card.dataset.number) !== current) makeCurrent(Number(card.dataset.number), { focus: false });
});

$("large").addEventListener("close", () => {
  if (current === null) return;
  if (store.state(current) === "left") act("look", [current]);
  makeCurrent(current);
});
$("large-reject").addEventListener("click", () => toggle(current));
$("large-next").addEventListener("click", KEYS.ArrowRight);
$("large-before").addEventListener("click", KEYS.ArrowLeft);
$("large-close").addEventListener("click", () => $("large").close());
$("undo").addEventListener("click", undo);
$("apply").addEventListener("click", () => openApply());
$("apply-yes").addEventListener("click", () => startApply(true));
$("apply-plain").addEventListener("click", () => startApply(false));
$("apply-no").addEventListener("click", () => $("apply-dialog").close());
$("apply-dialog").addEventListener("cancel", (event) => { if (store.stage) event.preventDefault(); });
$("save").addEventListener("click", saveList);
$("help").addEventListener("click", () => $("help-dialog").showModal());
$("help-close").addEventListener("click", () => $("help-dialog").close());
$("end").addEventListener("click", () => $("end-dialog").showModal());
$("end-yes").addEventListener("click", end);
$("end-no").addEventListener("click", () => $("end-dialog").close());
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("filters").addEventListener("input", (event) => {
  fit();
  if (event.target.id === "reason") return;
  arrange();
  say(`${plural(shown.length, "image")}.`);
});
window.addEventListener("resize", fit);
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });

try {
  await store.load();
  store.stale = false;
  fill();
  arrange(null);
  count();
  if (store.unfinished) notice("An earlier apply was interrupted. Apply again to finish it.");
  if (current !== null) makeCurrent(current);
  if (store.stage) paintStage();
  poll();
} catch (error) {
  $("loading").textContent = error.message;
}
