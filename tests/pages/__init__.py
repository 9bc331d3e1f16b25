# A fixture of the scope "package" ends with this folder only where it is a package.
