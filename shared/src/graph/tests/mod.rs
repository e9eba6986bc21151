mod cases;
mod hostile;
mod media;
mod network;
