import type { TimelineElement } from "./timeline";
import type { HTMLAttributes } from "preact";

declare module "preact" {
  namespace JSX {
    interface IntrinsicElements {
      "nvr-timeline": HTMLAttributes<TimelineElement>;
    }
  }
}
