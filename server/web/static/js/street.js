// The street on Leaflet: a drawing of roads, blocks and houses, and a marker for each place.

const METRES_PER_DEGREE = 111320;
const ROAD = 9;
const ROAD_EDGE = 11.5;
const HOUSE = 6;
const ICONS = { home: "home", well: "well", kiosk: "kiosk", gateway: "gateways" };
const DENSE_METRES_PER_PIXEL = 0.75; // from here on markers would hide one another: they become dots

/** The places; of a large district only those within the bounds. */
export async function places(url, bounds) {
  const box = bounds ? `?box=${[bounds.getSouth(), bounds.getWest(), bounds.getNorth(), bounds.getEast()].map((degrees) => degrees.toFixed(5))}` : "";
  const answer = await fetch(url + box, { cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** An empty map that reacts to its size and zoom. */
export function baseMap(element, options = {}) {
  const map = window.L.map(element, { attributionControl: false, zoomSnap: 0.25, zoomDelta: 0.5, maxZoom: 22, minZoom: 12, ...options });
  map.createPane("ground").style.zIndex = 300;
  map.on("zoomend", () => density(map));
  new ResizeObserver(() => map.invalidateSize()).observe(element);
  return map;
}

function density(map) {
  const middle = map.getCenter();
  const metres = (40075016 * Math.cos((middle.lat * Math.PI) / 180)) / 256 / 2 ** map.getZoom();
  map.getContainer().classList.toggle("dense", metres > DENSE_METRES_PER_PIXEL);
}

/** Draws the ground: blocks, roads, houses. */
export function drawStreet(map, street) {
  const L = window.L;
  const layer = L.layerGroup();
  const shape = (className) => ({ pane: "ground", interactive: false, stroke: false, fillOpacity: 1, className });
  for (const block of street.blocks) {
    L.polygon(block.corners, { ...shape("street-block"), stroke: true, weight: 18, lineJoin: "round" }).addTo(layer);
  }
  for (const [width, className] of [[ROAD_EDGE, "street-edge"], [ROAD, "street-road"]]) {
    for (const [from, to] of street.roads) {
      L.polygon(band(from, to, width), shape(className)).addTo(layer);
      for (const end of [from, to]) L.circle(end, { ...shape(className), radius: width / 2 }).addTo(layer);
    }
  }
  for (const house of street.houses) {
    L.polygon(square(house, HOUSE), shape("street-house")).addTo(layer);
  }
  for (const block of street.blocks) {
    const top = Math.max(...block.corners.map((corner) => corner[0]));
    const left = Math.min(...block.corners.map((corner) => corner[1]));
    L.marker([top, left], { pane: "ground", interactive: false, keyboard: false, icon: L.divIcon({ className: "area-label", html: text(block.name), iconSize: null, iconAnchor: [-2, 34] }) }).addTo(layer);
  }
  return layer.addTo(map);
}

/** Draws each station with its circle: how far its staff walk in 15 minutes. */
export function drawStations(map, stations) {
  const L = window.L;
  const layer = L.layerGroup();
  for (const station of stations) {
    L.circle(station.at, { pane: "ground", interactive: false, radius: station.metres, className: "station-circle" }).addTo(layer);
    L.marker(station.at, { interactive: false, keyboard: false, icon: L.divIcon({ className: "station-label", html: text(station.name), iconSize: null }) }).addTo(layer);
  }
  return layer.addTo(map);
}

const shrink = (latitude) => Math.cos((latitude * Math.PI) / 180);

function band([lat1, lng1], [lat2, lng2], width) {
  const k = shrink(lat1);
  const x = (lng2 - lng1) * k;
  const y = lat2 - lat1;
  const size = Math.hypot(x, y) || 1;
  const half = width / 2 / METRES_PER_DEGREE;
  const [dLat, dLng] = [(x / size) * half, (-y / size) * half / k];
  return [[lat1 + dLat, lng1 + dLng], [lat2 + dLat, lng2 + dLng], [lat2 - dLat, lng2 - dLng], [lat1 - dLat, lng1 - dLng]];
}

function square([latitude, longitude], half) {
  const dLat = half / METRES_PER_DEGREE;
  const dLng = dLat / shrink(latitude);
  return [[latitude - dLat, longitude - dLng], [latitude + dLat, longitude - dLng], [latitude + dLat, longitude + dLng], [latitude - dLat, longitude + dLng]];
}

/** A place's marker; its look is decided by classes alone. */
export function icon(place, icons) {
  const classes = ["marker", `kind-${place.kind}`, `status-${place.status}`];
  if (place.severity) classes.push(`severity-${place.severity}`);
  if (place.waiting) classes.push("waiting");
  const half = place.status === "alarm" ? 22 : 17;
  return window.L.divIcon({
    className: "",
    iconSize: [half * 2, half * 2],
    html: `<div class="${classes.join(" ")}"><svg class="icon" aria-hidden="true"><use href="${icons}#${ICONS[place.kind]}"></use></svg></div>`,
  });
}

export function text(value) {
  const holder = document.createElement("span");
  holder.textContent = value ?? "";
  return holder.innerHTML;
}

/** The small map of a task: the street, faint, and the one place. */
export async function placeMap(element) {
  const L = window.L;
  const here = [Number(element.dataset.latitude), Number(element.dataset.longitude)];
  const map = baseMap(element, { zoomControl: false, scrollWheelZoom: false, dragging: !L.Browser.mobile });
  map.setView(here, 18);
  const mark = document.querySelector("#task-page .kind use")?.getAttribute("href").split("#") ?? ["", "pin"];
  L.marker(here, {
    keyboard: false,
    icon: L.divIcon({ className: "", iconSize: [44, 44], html: `<div class="marker status-alarm severity-${element.dataset.severity}"><svg class="icon" aria-hidden="true"><use href="${mark[0]}#pin"></use></svg></div>` }),
  }).addTo(map);
  try {
    const found = await places(element.dataset.url, map.getBounds());
    drawStreet(map, found.street);
    density(map);
  } catch {
    // the place alone is still worth seeing
  }
}
