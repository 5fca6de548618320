"""Reading and writing image files, and basic image processing.

    sky.jpg --read_photo--> Photo(image, alpha, depth, profile, ...)
                               |
                            the dream --save_image(image, ..., like=photo)--> dream.png

Files are one of the two borders where an image is converted (the other is the model). libvips does the decoding and
encoding.

    opening, reading             decode files; `arrays` converts tensors, NumPy arrays and PIL images
    profiles                     ICC profiles and color spaces, to sRGB and back
    formats, writing, streaming  encode files, from memory or row by row
    xmp, gpano, embedding        XMP metadata: parsing, panorama fields, recipes
    resample, pyramid, filters   resizing and sampling, Laplacian pyramid, Gaussian blur
    color                        the covariance of natural colors
    panorama                     what is expected of 360° panoramas, and views from inside
    contact_sheet                many small pictures on one sheet
"""
