// The QR code on the server's page opens this one with the code behind the "#", which browsers send to nobody.
const field = document.querySelector("textarea");
if (field && location.hash.length > 1) field.value = decodeURIComponent(location.hash.slice(1));
document.querySelector("form")?.addEventListener("submit", (event) => {
  event.target.querySelector("button").disabled = true;
});
