// Small improvements: every page works without them.
"use strict";

// The progress of a run: parts of the page come as events, and the whole page once at the end.
for (const place of document.querySelectorAll("[data-events]")) {
  const events = new EventSource(place.dataset.events);
  events.addEventListener("progress", (event) => { place.innerHTML = event.data; });
  events.addEventListener("ended", () => { events.close(); location.reload(); });
}
