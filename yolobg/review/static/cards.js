// Elements for images. Every text goes in as text, never as markup; addresses are links only when they are http(s).

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function link(address, text) {
  if (!/^https?:\/\//i.test(address)) return el("span", {}, text);
  return el("a", { href: address, target: "_blank", rel: "noreferrer noopener" }, text);
}

// Where a name may go on in the next line, as on the report.
const JOINTS = /(?<=[_/\\|:,;=+])(?=[\p{L}\p{N}])|(?<=[.-])(?=\p{L})|(?<=[a-z][a-z])(?=[A-Z])/u;

export function inParts(name) { return name.split(JOINTS).flatMap((part, place) => (place ? [el("wbr"), part] : [part])); }

export const STATES = { left: "not looked at", looked: "looked at", rejected: "rejected" };

export function shows(item) {
  if (item.contains === null) return item.ours ? "its content is not known here" : "not from yolobg";
  return item.contains.join(", ") || "no annotated object";
}

export function source(item, size) {
  return `picture/${size}/${item.number}${item.tag ? `?tag=${item.tag}` : ""}`;
}

export function date(item) { return item.added.slice(0, 10); }

export function licence(item) {
  const nc = item.commercial === false ? " (non-commercial)" : "";
  return item.license ? item.license + nc : "licence not recorded";
}

// The card of an image; `paint` shows the state that changes.
export function makeCard(item) {
  const image = el("img", { src: source(item, "small"), alt: "", loading: "lazy", decoding: "async", fetchPriority: "low", draggable: false });
  const found = item.found ? el("span", { className: "found" }, item.found) : null;
  const open = el("button", { type: "button", className: "open", tabIndex: -1 }, image, found);
  const reject = el("button", { type: "button", className: "reject danger", tabIndex: -1 }, "Reject");
  const badge = el("p", { className: "badge" });
  const about = item.ours ? `${licence(item)} · ${item.split} · ` : `${item.split} · `;
  const text = el("div", { className: "text" },
    el("p", {}, item.new ? el("span", { className: "new" }, "new") : null, el("b", {}, item.title)),
    el("p", { className: "shows", title: shows(item) }, shows(item)),
    el("p", { className: "soft" }, about, item.ours ? el("span", { className: "date" }, date(item)) : el("span", { className: "mine" }, "yours")),
    item.captions.length ? el("p", { className: "caption" }, item.captions[0]) : null);
  const card = el("li", { className: "card" }, open, text, el("div", { className: "foot" }, badge, reject));
  card.dataset.number = item.number;
  return card;
}

export function paint(card, item, state, why) {
  card.classList.toggle("looked", state === "looked");
  card.classList.toggle("rejected", state === "rejected");
  const told = state === "rejected" ? `rejected: ${why}` : STATES[state];
  card.querySelector(".badge").replaceChildren(...inParts(told));
  card.querySelector(".open").setAttribute("aria-label", `${item.new ? "New, " : ""}${item.title}: ${shows(item)}. ${told}. Enlarge`);
  const reject = card.querySelector(".reject");
  reject.setAttribute("aria-pressed", String(state === "rejected"));
  reject.textContent = state === "rejected" ? "Rejected" : "Reject";
  reject.setAttribute("aria-label", `${reject.textContent}: ${item.title}`);
}

export function facts(item) {
  const rows = [["Shows", shows(item)]];
  if (item.ours) {
    rows.push(["Licence", link(item.license_url, licence(item))],
      [item.credit.label, link(item.credit.page, item.credit.name || "not recorded")],
      [item.waits ? "Proposed" : "Added", item.added.replace("T", " ").replace("+00:00", " UTC")]);
  }
  rows.push([item.waits ? "File, once applied" : "File", item.image], ["Split", item.split]);
  return rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
}
