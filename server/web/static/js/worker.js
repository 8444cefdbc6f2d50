// Wakes for a message while no page is open: shows it, and opens the task when it is tapped.

self.addEventListener("push", (event) => {
  const message = event.data?.json() ?? {};
  event.waitUntil(
    self.registration.showNotification(message.title ?? "Sunwell", {
      body: message.body ?? "",
      tag: message.tag,
      renotify: Boolean(message.tag),
      requireInteraction: Boolean(message.urgent),
      vibrate: message.urgent ? [400, 150, 400, 150, 400] : [200],
      lang: message.language,
      icon: "/static/logo.svg",
      data: { path: message.path ?? "/tasks" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = new URL(event.notification.data.path, self.location.origin);
  if (address.origin !== self.location.origin) return;
  event.waitUntil(self.clients.openWindow(address.href));
});
