

inputPlaceholder

inputPlaceholder

inputPlaceholder