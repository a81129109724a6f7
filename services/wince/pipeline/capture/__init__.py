"""First stage: pictures of cameras and files, and a beat a second whatever happens."""
