//! What searches promise, checked from outside.

mod approximate;
mod exact;
mod planner;
mod worlds;
