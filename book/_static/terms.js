// A word of the glossary opens where it stands, on a click, a touch or Enter; Escape closes it, and so does anything
// beside it. Without this script, or in a browser that knows no popovers, the word is a link to the glossary.
document.addEventListener("DOMContentLoaded", () => {
  const words = document.querySelectorAll('.bd-article a[href*="glossary.html#term-"][title]');
  if (!words.length || !HTMLElement.prototype.showPopover) return;

  const note = document.createElement("div");
  note.className = "lth-term";
  note.popover = "auto";
  note.tabIndex = -1;
  note.setAttribute("role", "dialog");
  const meaning = document.createElement("p");
  const more = document.createElement("a");
  more.textContent = "All words and symbols";
  note.append(meaning, more);
  document.body.append(note);

  let opened = null;
  note.addEventListener("toggle", (event) => {
    if (event.newState === "closed") opened?.setAttribute("aria-expanded", "false");
  });
  note.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    note.hidePopover();
    opened.focus();
  });

  // Below the word, or above it where there is no room, and no further right than the window.
  const place = (word) => {
    const at = word.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - note.offsetWidth - 8);
    const below = at.bottom + 6 + note.offsetHeight < window.innerHeight;
    note.style.left = `${Math.max(8, left)}px`;
    note.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - 6 - note.offsetHeight)}px`;
  };

  for (const word of words) {
    word.setAttribute("aria-haspopup", "dialog");
    word.setAttribute("aria-expanded", "false");
    word.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // asked for another tab or window
      event.preventDefault();
      meaning.textContent = word.title;
      more.href = word.href;
      note.setAttribute("aria-label", word.textContent);
      note.showPopover();
      opened = word;
      word.setAttribute("aria-expanded", "true");
      place(word);
      note.focus({ preventScroll: true });
    });
  }
  const follow = () => note.matches(":popover-open") && place(opened);
  window.addEventListener("scroll", follow, { passive: true });
  window.addEventListener("resize", follow);
});
