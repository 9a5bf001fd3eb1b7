"""Images of Istio, and their variants."""

def images(images, bases, system_files, image, image_variant):
    """Declares the images, and those of their variants whose base the line has.

    Without a base, an image starts from scratch, and so does its variant distroless, which charts ask for. With base
    images debug and distroless, the image has the first, and there is a variant for each.

    Args:
        images: name → attributes of image. about has the title already; distroless is the name of the base image of
            that variant, distroless by default.
        bases: BASES of the line.
        system_files: the files of images that start from scratch.
        image: the rule.
        image_variant: the rule.
    """
    for name, attributes in images.items():
        attributes = dict(attributes)
        variants = {
            "debug": "debug",
            "distroless": attributes.pop("distroless", "distroless"),
        }
        scratch = "debug" not in bases
        image(
            name = name + "-image",
            about = {"title": name} | attributes.pop("about", {}),
            base = None if scratch else "@istio//:base_debug",
            directories = ["/tmp"] if scratch else [],
            files = (system_files if scratch else {}) | attributes.pop("files", {}),
            image = name,
            **attributes
        )
        for variant, base in variants.items():
            if base in bases or scratch and variant == "distroless":
                image_variant(
                    name = "{}-image-{}".format(name, variant),
                    base = "@istio//:base_" + base if base in bases else None,
                    image = ":{}-image".format(name),
                    variant = variant,
                )
