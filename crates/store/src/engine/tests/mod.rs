//! The engine on a disk that loses, tears and fails, against the fold of what it was given.

mod crash;
mod damage;
mod dead_damage;
mod full;
mod records;
mod world;
