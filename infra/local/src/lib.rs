//! AWS and Instagram on this machine.
