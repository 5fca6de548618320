"""The networks of torchvision and timm."""
