"""Films, folders of frames and animations, as frames, cuts and sound."""
