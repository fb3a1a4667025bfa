// Exchanges the secret of the link for a cookie, once, and goes on to the review.

const REVIEW = /^\/r\/[A-Za-z0-9_-]{22}\/$/;
const KEPT = "review";

// Where the review of this server is, for a link that this browser opens a second time; worth nothing without the cookie.
function remembered() {
  try {
    const page = localStorage.getItem(KEPT);
    return page !== null && REVIEW.test(page) ? page : null;
  } catch {
    return null;
  }
}

function remember(page) {
  try {
    localStorage.setItem(KEPT, page);
  } catch {
    // Without it, only a second use of the link is not recognised.
  }
}

async function enter(key) {
  const response = await fetch("/enter", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key }), cache: "no-store",
  });
  if (!response.ok) return { error: await response.text() };
  return response.json();
}

async function entered() {
  const page = remembered();
  if (page === null) return null;
  const response = await fetch(page, { method: "HEAD", cache: "no-store" });
  return response.ok ? page : null;
}

async function go() {
  const key = location.hash.slice(1);
  // Out of the address bar and of the history.
  history.replaceState(null, "", "/");
  const told = key ? await enter(key) : { error: "Open the link that the terminal of the review shows." };
  if (told.page !== undefined) remember(told.page);
  const page = told.page ?? (await entered());
  if (page) location.replace(page);
  else document.getElementById("told").textContent = told.error;
}

go().catch(() => {
  document.getElementById("told").textContent =
    "The server does not answer. Start “yolobg review” again in the terminal; your decisions are kept.";
});
