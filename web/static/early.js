// Runs before anything is painted: says that scripts work, so that what is only for those without
// is not shown for a moment.
"use strict";
document.documentElement.classList.add("scripted");
