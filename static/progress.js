/* A page that nobody looks at asks for nothing: what htmx would ask by itself waits until the page is seen again. */
"use strict";

document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden) event.preventDefault();
});
