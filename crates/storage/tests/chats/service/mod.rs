//! The service over real stores that fail now and then.

mod actions;
mod faulty;
mod faulty_marks;
mod life;
mod links;
mod model;
mod property;
mod races;
mod retention;
mod stories;
mod succession;
mod verify;
