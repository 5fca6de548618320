"""Pictures between files and tensors: the first of the two borders where an image is converted.

    sky.jpg --read_photo--> Photo(image, alpha, depth, profile, ...)
                               |
                            the dream --save_image(image, ..., like=photo)--> dream.png

`opening` and `reading` decode files, `arrays` takes what is in memory already, `profiles` knows ICC, `embedding` puts a
recipe into a file and finds it again, `formats`, `writing` and `streaming` encode: the decoding and encoding itself is
libvips's. `resample`, `pyramid`, `filters` and `color` compute with pictures; `panorama` knows what 360 degrees are.
"""
