// Leads back to the page of a capability, which this tab remembers and its address does not show.
"use strict";
try {
  const place = sessionStorage.getItem(`open ${new URLSearchParams(location.search).get("n")}`);
  if (place && new URL(place).origin === location.origin) location.replace(place);
} catch { /* then it is asked for */ }
