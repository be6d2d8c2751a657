// Small improvements: every page works without them.
"use strict";

// What was just done is said once: the address that is loaded again, or gone back to, does not say it.
const here = new URL(location.href);
if (here.searchParams.has("said")) {
  here.searchParams.delete("said");
  history.replaceState(null, "", here);
}

// The progress of a run: parts of the page come as events, and the whole page once at the end.
for (const place of document.querySelectorAll("[data-events]")) {
  const events = new EventSource(place.dataset.events);
  events.addEventListener("progress", (event) => { place.innerHTML = event.data; });
  events.addEventListener("ended", () => { events.close(); location.reload(); });
  events.addEventListener("signed-out", () => { events.close(); tell("signed-out"); });
  events.addEventListener("error", async () => {
    if (events.readyState !== EventSource.CLOSED) return;  // It comes back by itself.
    const answer = await fetch(location.pathname, { method: "HEAD" }).catch(() => null);
    tell(answer && answer.status === 401 ? "signed-out" : "cut-off");
  });
}

// A message of the page that stands ready in it, once.
function tell(id) {
  const ready = document.getElementById(id);
  if (!ready) return;
  document.getElementById("main").prepend(ready.content);
  ready.remove();
}

// A form that is sent as one types, to be looked at or kept as a draft; what the server says of it is put in place.
for (const form of document.querySelectorAll("form[data-live-form]")) keepUp(form);

function keepUp(form) {
  let typed = 0, busy = false, timer = 0, whole = false, pressed = null;
  form.addEventListener("input", (event) => {
    if (event.target.matches("[data-filter]")) { narrow(form, event.target.value); return; }
    typed += 1;
    if (event.target.title) event.target.title = event.target.value;
    whole = whole || event.target.matches("[data-again]");
    clearTimeout(timer);
    timer = setTimeout(send, whole ? 0 : 350);
  });
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    typed = -1;
    if (busy) { event.preventDefault(); pressed = event.submitter; }  // What is under way must not come in last.
  });

  async function send() {
    if (busy || typed < 0) return;
    busy = true;
    const sent = typed;
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "show");
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.status === 401) tell("signed-out");
      if (!answer.ok) warn(answer.status === 409);
      else { renew(page); if (typed === sent) place(page); }
    } catch { warn(); }
    busy = false;
    if (pressed) form.requestSubmit(pressed);
    else if (typed > sent) send();
  }

  function warn(elsewhere) {
    const kept = document.getElementById("kept") || document.getElementById("why");
    if (kept) kept.textContent = "What you typed last could not be kept. " + (elsewhere
      ? "This mapping was changed in another window: press Show values, and what you typed is put together with it."
      : "Press Show values to try again.");
  }

  // What was sent is kept: the forms of this page go on from there.
  function renew(page) {
    for (const name of ["mark", "was"]) {
      const fresh = page.querySelector(`#${form.id} [name=${name}]`);
      if (fresh) for (const one of document.querySelectorAll(`[name=${name}]`)) one.value = fresh.value;
    }
  }

  function place(page) {
    const fresh = page.getElementById(form.id);
    if (fresh && whole) {
      const at = document.activeElement && document.activeElement.id;
      form.replaceChildren(...fresh.childNodes);
      const again = at && document.getElementById(at);
      if (again) again.focus();
      whole = false;
    } else {
      for (const part of page.querySelectorAll("[data-live]")) {
        const old = document.getElementById(part.id);
        if (old && old.innerHTML !== part.innerHTML) old.innerHTML = part.innerHTML;
      }
    }
    const kept = page.getElementById("kept"), old = document.getElementById("kept");
    if (kept && old) old.innerHTML = kept.innerHTML;
  }
}

function narrow(form, wanted) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (text) => words.every((word) => text.toLowerCase().includes(word));
  for (const row of form.querySelectorAll("tbody tr:not(.why)")) {
    const said = [...row.querySelectorAll("input:not([type=hidden])")].map((one) => one.value).join(" ");
    row.hidden = !fits(row.textContent + " " + said);
    if (row.nextElementSibling?.matches(".why")) row.nextElementSibling.hidden = row.hidden;
  }
  for (const one of form.querySelectorAll(".chips > *")) one.hidden = !fits(one.textContent + " " + one.value);
}
