//! The real binary, over real sockets: one test program, so that it is linked once. Each test starts a server of its
//! own; those whose outcome could depend on the store run on both.

mod support;

mod accounts;
mod actions;
mod administration;
mod attacks;
mod blocks;
mod bounds;
mod cli;
mod clients;
mod codes;
mod connections;
mod crash;
mod deletion;
mod export;
mod faults;
mod gone;
mod groups;
mod hub_settings;
mod invites;
mod lists;
mod load;
mod membership;
mod notifications;
mod operating;
mod own;
mod presence;
mod privacy;
mod profiles;
mod refusals;
mod removed;
mod reports;
mod rest;
mod retention;
mod sealed;
mod sessions;
mod set;
mod slow_reader;
mod starting;
mod stopping;
mod unreliable;
mod upgrade;
mod watching;
