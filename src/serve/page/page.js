
"use strict";
const at = (id) => document.getElementById(id);
const [drop, files, said, answers, token] = ["drop", "files", "said", "answers", "token"].map(at);

// Whatever comes from outside becomes text, never a part of the page.
function made(tag, text, kind) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

async function ask(path, options = {}) {
  const headers = token.value ? { Authorization: "Bearer " + token.value } : {};
  const response = await fetch(path, { ...options, headers });
  at("secret").hidden = response.status !== 401 && !token.value;
  const found = await response.json();
  if (!response.ok) throw new Error(found.detail || response.statusText);
  return found;
}

async function about() {
  const index = await ask("v1/index");
  const added = index.added_vectors ? `, ${index.added_vectors} of them added` : "";
  said.textContent = "";
  at("about").textContent = `${index.experiment}, run ${index.run}: ${index.vectors} vectors of ${index.classes.length} classes${added}`;
}

function show(file, answer) {
  const item = document.createElement("li");
  const picture = document.createElement("img");
  picture.alt = "";
  picture.src = URL.createObjectURL(file);
  picture.onload = picture.onerror = () => URL.revokeObjectURL(picture.src);
  const text = document.createElement("div");
  text.append(made("h2", answer.label), made("p", file.name));
  const sure = answer.probability === null ? "" : `, P(match) ${Math.round(100 * answer.probability)} %`;
  const far = answer.distance === null ? "nothing to compare it with" : `distance ${answer.distance.toFixed(4)}${sure}`;
  text.append(made("p", far));
  const near = made("p", "", "near");
  for (const one of answer.neighbours) near.append(made("span", `${one.rank}. ${one.label} ${one.distance.toFixed(4)}`));
  text.append(near);
  item.className = answer.accepted ? "known" : "unknown";
  item.append(picture, text);
  answers.prepend(item);
}

// What went wrong with one stays, whatever comes of the others.
function showError(file, words) {
  const item = document.createElement("li");
  const text = document.createElement("div");
  text.append(made("h2", "No answer"), made("p", `${file.name}: ${words}`));
  item.className = "unknown failed";
  item.append(text);
  answers.prepend(item);
}

async function query(list) {
  for (const file of list) {
    said.textContent = `Asking about ${file.name} ..`;
    try {
      const form = new FormData();
      form.append("image", file);
      const found = await ask("v1/query", { method: "POST", body: form });
      found.answers.forEach((answer) => show(file, answer));
    } catch (error) {
      showError(file, error.message);
    }
  }
  said.textContent = "";
}

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  query([...event.dataTransfer.files]);
});
files.addEventListener("change", () => { query([...files.files]); files.value = ""; });
token.addEventListener("change", () => about().catch((error) => { said.textContent = error.message; }));
about().catch((error) => { said.textContent = error.message; });
