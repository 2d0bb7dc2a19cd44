//! HTTP and gRPC: connector and listener joined on loopback, and the connector against scripted
//! peers that do what proxies do.

mod limits;
mod pairs;
mod relay;
mod scripted_grpc;
mod scripted_http;
