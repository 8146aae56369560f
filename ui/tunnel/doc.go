// Package tunnel lets an admin use a pinned device's own pages, to focus and to
// flash it, while the device stays contained: a reverse proxy to the one pinned
// address, at an origin of its own, for a limited time (C13).
//
// # What is kept apart
//
// A camera's page is hostile: it must learn nothing of the recorder's page in the
// same browser, reach nothing but its own camera, and have the browser load
// nothing from elsewhere, as far as browsers can be held to that.
//
//   - It is shown in a frame of Stockade's page that is credentialless: a browser
//     gives such a frame cookies and storage of its own, empty at first and gone
//     with the page. Cookies know no ports, so without that a camera's script
//     could evict the recorder's session. A request that carries the recorder's
//     session cookie comes from a frame that is not kept apart: it is refused.
//   - The frame's page decides where it may be led (frame-src), and its sandbox
//     lets it neither lead the page around it nor open windows. As a page of its
//     own it is refused.
//   - Every answer carries a content policy that lets a page load, send and
//     connect to its own origin only, and headers that close what such a policy
//     leaves open, but for WebRTC, which no browser lets a server close: see
//     docs/containment.md. Of the camera's own headers those pass that are listed;
//     cookies that it sets are kept here.
//   - Redirects and links to the device's own address lead to the tunnel; a
//     redirect anywhere else is shown as text.
//
// # Who comes in
//
// Entrance gives the admin who opened the tunnel a ticket, good once and for a
// minute. It becomes a cookie of the frame, and nobody else's. The browser must
// say (Sec-Fetch-Site) that a request comes from the tunnel's own pages. A tunnel
// ends at its time, by Close, and with Serve; whoever opens it closes it when the
// right to it ends.
//
// # Concurrency and cost
//
// All methods may be called at once. A tunnel holds a few connections to its
// device and, of texts in which links are corrected, four of up to 8 MiB in memory;
// everything else is passed on as it comes. Bodies may be of any size: what ends a request
// is silence, not its length.
package tunnel
