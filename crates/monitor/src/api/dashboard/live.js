// Fetches the page again when the server says that something changed, and puts its content in
// the place of the old one. Without this script the page is read as it is.
"use strict";
const asIs = () => document.activeElement?.closest("form");
let waiting = false;
const renew = async () => {
  waiting = false;
  // Nobody loses what they are typing.
  if (asIs()) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const open = [...document.querySelectorAll("main details[open]")].map((one) => one.id);
  document.querySelector("main").replaceWith(page.querySelector("main"));
  for (const id of open.filter(Boolean)) document.getElementById(id)?.setAttribute("open", "");
  document.title = page.title;
};
const source = new EventSource("/live");
source.onmessage = () => {
  if (!waiting) setTimeout(renew, 500);
  waiting = true;
};
// A page is also old when nothing happens: ages grow.
setInterval(renew, 60000);
