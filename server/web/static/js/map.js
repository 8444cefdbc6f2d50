// The map page: places with their state, kept up to date by the stream of changes.

import "./base.js";
import { connect } from "./live.js";
import { baseMap, drawStations, drawStreet, icon, places, text } from "./street.js";

const GATHER_MS = 250; // changes that come together are read once
const ANYWAY_MS = 30000; // freshness changes without an event
const ALONE_MS = 2000; // where no stream begins, which would have it read

window.addEventListener("load", () => {
  const element = document.getElementById("map");
  const map = baseMap(element);
  const markers = new Map();
  let ground = null;
  let circles = null;
  let drawn = "";
  let waiting = 0;
  let large = false; // too many places to have them all: only those in sight
  let asked = 0;
  let totals = window.L.layerGroup().addTo(map);

  async function refresh() {
    const number = ++asked;
    let found;
    try {
      found = await places(element.dataset.url, large ? map.getBounds() : null);
    } catch {
      return; // the banner tells of lost connections
    }
    if (number !== asked) return; // the map was moved meanwhile
    large = found.large;
    showTotals(found.areas);
    const street = JSON.stringify([found.street, found.stations]);
    if (street !== drawn) {
      ground?.remove();
      ground = drawStreet(map, found.street);
      circles?.remove();
      circles = drawStations(map, found.stations);
      const spots = [...found.places.map((place) => place.at), ...found.areas.flatMap((area) => area.corners)];
      if (!drawn && spots.length) {
        map.fitBounds(window.L.latLngBounds(spots), { padding: [40, 40], maxZoom: 19 });
      }
      drawn = street;
    }
    const seen = new Set();
    for (const place of found.places) show(place, seen);
    for (const [key, marker] of markers) {
      if (seen.has(key)) continue;
      marker.remove();
      markers.delete(key);
    }
    count("alarm", found);
    count("silent", found);
    count("unprotected", found);
    document.getElementById("map-none").hidden = found.large || found.places.length > 0;
  }

  function showTotals(areas) {
    const L = window.L;
    totals.remove();
    totals = L.layerGroup().addTo(map);
    for (const area of areas) {
      const bad = area.silent + area.unprotected;
      const html = `${text(area.name)} <b>${area.places}</b>${bad ? ` <b class="bad">${bad}</b>` : ""}`;
      L.marker(area.at, { icon: L.divIcon({ className: "area-total", html, iconSize: null }), alt: area.name })
        .on("click", () => map.fitBounds(L.latLngBounds(area.corners), { padding: [40, 40], maxZoom: 19 }))
        .addTo(totals);
    }
  }

  function show(place, seen) {
    const key = `${place.kind} ${place.id}`;
    seen.add(key);
    const look = JSON.stringify(place);
    let marker = markers.get(key);
    if (!marker) {
      marker = window.L.marker(place.at, { icon: icon(place, element.dataset.icons), riseOnHover: true, alt: "" }).addTo(map);
      marker.bindPopup("", { closeButton: true });
      markers.set(key, marker);
    } else if (marker.look === look) {
      return;
    } else {
      marker.setLatLng(place.at);
      marker.setIcon(icon(place, element.dataset.icons));
    }
    marker.look = look;
    marker.setZIndexOffset({ alarm: 2000, silent: 500, unprotected: 400, ok: 0 }[place.status] + (place.kind === "gateway" ? 100 : 0));
    marker.setPopupContent(popup(place));
    const named = marker.getElement();
    named.setAttribute("role", "button");
    named.setAttribute("aria-label", `${element.dataset[`${place.kind}Name`]} ${place.name} ${place.what ?? element.dataset[place.status]}`);
  }

  function popup(place) {
    const data = element.dataset;
    const links = [["task", place.task, true], ["device", place.device, false], ["gateway", place.gateway, false]]
      .filter(([, address]) => address)
      .map(([name, address, first]) => `<a class="button small ${first ? "primary" : ""}" href="${text(address)}">${text(data[name])}</a>`);
    return `<b>${text(place.what ?? data[place.status])}</b><p>${text(data[`${place.kind}Name`])} ${text(place.name)}<br><small>${text(place.area)}</small></p>${links.join(" ")}`;
  }

  function count(status, found) {
    const badge = document.getElementById(`count-${status}`);
    const number = found.areas.reduce((sum, area) => sum + (area[status] ?? 0), 0) + found.places.filter((place) => place.status === status).length;
    badge.hidden = number === 0;
    badge.textContent = badge.dataset.words.replace("#", number);
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, GATHER_MS);
  }

  map.setView([31.23, 121.47], 17);
  setTimeout(() => asked || refresh(), ALONE_MS);
  map.on("moveend", () => large && soon());
  setInterval(() => document.hidden || refresh(), ANYWAY_MS);
  connect(element.dataset.live, { change: soon, resync: refresh });
});
