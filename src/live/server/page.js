"use strict";
const status = document.getElementById("status");
const source = new EventSource("/api/live");
source.onopen = () => { status.textContent = "live"; };
source.onerror = () => { status.textContent = "reconnecting"; };
for (const kind of ["snapshot", "patch", "alert", "closed"]) {
  source.addEventListener(kind, (event) => {
    document.getElementById("state").textContent = kind + "\n" + JSON.stringify(JSON.parse(event.data), null, 2);
  });
}
