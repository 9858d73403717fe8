//! The proxy between real sockets: raw clients and upstreams whose every byte is seen, and hyper ones where frames
//! matter. What is permitted is told by the path: `/denied…` is refused, `/up…` may be upgraded.

mod attacks;
mod bodies;
mod endpoints;
mod exchanges;
mod faults;
mod framing;
mod speed;
mod stalls;
mod support;
mod uploads;
mod websockets;
