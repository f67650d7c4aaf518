// The reader's own traces, kept in this browser only: which chapters were read to their end, and whether code is hidden.
(() => {
  const kept = {
    get(name) { try { return JSON.parse(localStorage.getItem(`companion:${name}`)); } catch { return null; } },
    set(name, value) { try { localStorage.setItem(`companion:${name}`, JSON.stringify(value)); } catch { /* a private window */ } },
  };
  const root = document.documentElement;
  if (kept.get("code-hidden")) root.dataset.code = "hidden";

  document.addEventListener("DOMContentLoaded", () => {
    const map = document.querySelector("nav.road-map");
    if (!map) return;

    const button = map.querySelector("button.companion-code");
    if (document.querySelector("div.cell div.cell_input")) {
      const say = () => {
        const hidden = root.dataset.code === "hidden";
        button.setAttribute("aria-pressed", String(hidden));
        button.textContent = hidden ? map.dataset.show : map.dataset.hide;
      };
      button.hidden = false;
      say();
      button.addEventListener("click", () => {
        const hidden = root.dataset.code !== "hidden";
        if (hidden) root.dataset.code = "hidden"; else delete root.dataset.code;
        kept.set("code-hidden", hidden);
        say();
      });
    }

    const read = new Set(kept.get("read") || []);
    const mark = () => map.querySelectorAll("li").forEach((stop) => {
      if (read.has(stop.dataset.page) && !stop.classList.contains("been")) {
        stop.classList.add("been");
        stop.querySelector("span").append(map.dataset.read);
      }
    });
    mark();
    const here = map.querySelector('li[aria-current="page"]');
    const end = document.querySelector(".prev-next-area, .prev-next-footer");
    if (here && end) {
      new IntersectionObserver((seen, observer) => {
        if (!seen.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        read.add(here.dataset.page);
        kept.set("read", [...read]);
        mark();
      }).observe(end);
    }
  });
})();
