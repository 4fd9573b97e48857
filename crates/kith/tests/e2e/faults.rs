//! What happens around a server: a disk that is full, a database that is stopped, hangs or cuts its connections, a clock that
//! jumps. Each time under load, each time with the same demands: whoever is refused is told so, whatever was answered is
//! there, once and in order, and when the cause is gone the server goes on by itself.

mod clock;
mod database;
mod disk;
