"use strict";
// The filters live in the address (#cases?verdict=fail&text=TM-HDR), so that a filtered page can be sent to others.
const form = document.getElementById("filters");
const cases = [...document.querySelectorAll("details.case")];
const SINGLE = ["text", "profile", "on"];

function apply() {
  const wanted = new FormData(form);
  const text = wanted.get("text").trim().toLowerCase();
  const verdicts = new Set(wanted.getAll("verdict"));
  let shown = 0;
  for (const item of cases) {
    const { verdict, profile, on, text: own } = item.dataset;
    const fits = own.includes(text) && (verdicts.size === 0 || verdicts.has(verdict))
      && ["", profile].includes(wanted.get("profile")) && ["", on].includes(wanted.get("on"));
    item.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  document.getElementById("shown").value = `${shown} of ${cases.length} cases`;
}

function remember() {
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  history.replaceState(null, "", filled.length ? `#cases?${new URLSearchParams(filled)}` : "#cases");
}

function recall() {
  const [place, query = ""] = location.hash.slice(1).split("?");
  if (place === "cases") {
    const filled = new URLSearchParams(query);
    for (const name of SINGLE) form.elements[name].value = filled.get(name) ?? "";
    for (const box of form.querySelectorAll("[name=verdict]")) box.checked = filled.getAll("verdict").includes(box.value);
  }
  const target = place && document.getElementById(place);
  target?.closest("details")?.setAttribute("open", "");
  if (query || target?.closest("details")) target.scrollIntoView();
  apply();
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => { apply(); remember(); });
addEventListener("hashchange", recall);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, select")) {
    event.preventDefault();
    form.elements.text.focus();
  }
});
recall();
